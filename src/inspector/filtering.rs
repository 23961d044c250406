//! Filters over what is kept.

use jiff::Zoned;

use crate::delivery::Kept;
use crate::filter::{Duplicates, Filter, FilterError};

/// Reads a filter. Times in it are meant where the listener runs.
pub(super) fn parse(text: &str) -> Result<Filter, FilterError> {
    Filter::parse(text, &Zoned::now())
}

/// What of this passes.
pub(super) fn passing(filter: &Filter, mut kept: Vec<Kept>) -> Vec<Kept> {
    let duplicates = duplicates(filter, || kept.clone());
    kept.retain(|kept| filter.matches(kept, &duplicates));
    kept
}

/// The duplicates among `all`, where the filter asks for them.
pub(super) fn duplicates(filter: &Filter, all: impl FnOnce() -> Vec<Kept>) -> Duplicates {
    if filter.wants_duplicates() {
        Duplicates::of(&all())
    } else {
        Duplicates::default()
    }
}
