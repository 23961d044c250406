//! The filter language: which deliveries are meant.
//!
//! `event:email.* status:>=400 -is:replayed (data.email:*@example.com OR "quoted text")`.
//! It is described in `docs/filter.md`. Reading a filter looks at no clock: the time is
//! passed in, and times in the filter are in its zone.

mod bounds;
mod duplicates;
mod error;
mod keys;
mod lex;
mod parse;
mod read;
mod term;
#[cfg(test)]
mod tests;
mod text;

use std::borrow::Cow;

use jiff::Zoned;

pub use bounds::time;
pub use duplicates::Duplicates;
pub use error::FilterError;

use crate::delivery::Kept;

use parse::Node;
use term::{Is, Term};

/// A filter that was read. The empty one matches every delivery.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    root: Node,
}

impl Filter {
    /// Reads a filter. `now` is what `after:10m` counts back from; times without an offset
    /// are in its zone.
    ///
    /// # Errors
    /// At the first term that means nothing.
    pub fn parse(text: &str, now: &Zoned) -> Result<Self, FilterError> {
        let root = parse::parse(text, now)?;
        Ok(Self { root })
    }

    /// Whether the delivery is meant. `duplicates` is looked at where
    /// [`wants_duplicates`](Self::wants_duplicates) says so, and may be empty otherwise.
    pub fn matches(&self, kept: &Kept, duplicates: &Duplicates) -> bool {
        matches(&self.root, kept, duplicates)
    }

    /// Whether it asks for `is:duplicate`, which needs a look at all that is kept.
    pub fn wants_duplicates(&self) -> bool {
        self.root.has(&|term| *term == Term::Is(Is::Duplicate))
    }

    /// An event's name or glob that was probably meant, with what was written instead, where the
    /// filter asks for an event that is not known. That is no mistake, since anybody can
    /// send anything, but is worth saying where nothing matches.
    pub fn likely_typo(&self) -> Option<(String, Cow<'static, str>)> {
        let found = std::cell::Cell::new(None);
        self.root.has(&|term| {
            if let Term::Event(pattern) = term
                && let Some(meant) = pattern.suggestion()
            {
                found.set(Some((pattern.to_string(), meant)));
                return true;
            }
            false
        });
        found.into_inner()
    }
}

/// Recurses no deeper than parentheses may be nested.
fn matches(node: &Node, kept: &Kept, duplicates: &Duplicates) -> bool {
    match node {
        Node::All(nodes) => nodes.iter().all(|node| matches(node, kept, duplicates)),
        Node::Any(nodes) => nodes.iter().any(|node| matches(node, kept, duplicates)),
        Node::Not(inner) => !matches(inner, kept, duplicates),
        Node::Term(term) => term.matches(kept, duplicates),
    }
}
