//! Looking at all that is kept with a filter.

use super::Worker;
use crate::filter::{Duplicates, Filter};
use crate::tui::msg::{Found, Msg};

impl Worker {
    pub(super) fn search(&self, number: u64, text: String, filter: Filter) {
        let (store, results) = (self.store().clone(), self.results.clone());
        self.runtime.spawn_blocking(move || {
            let kept = store.all();
            let duplicates = if filter.wants_duplicates() {
                Duplicates::of(&kept)
            } else {
                Duplicates::default()
            };
            let passes = |kept: &&_| filter.matches(kept, &duplicates);
            let ids = kept
                .iter()
                .filter(passes)
                .map(|kept| kept.delivery.id)
                .collect();
            let found = Found {
                number,
                text,
                filter,
                duplicates,
                ids,
            };
            let _ = results.send(Msg::Found(Box::new(found)));
        });
    }
}
