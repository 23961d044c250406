//! A body of which parts can be folded.

use crate::payload::tree::Tree;
use crate::tui::content::folds::Folds;
use crate::tui::content::payload::{Payload, Shown};

/// A body, with what of its tree is folded.
#[derive(Debug)]
pub(super) struct Body {
    payload: Payload,
    folds: Folds,
}

impl Body {
    pub(super) fn new(payload: Payload) -> Self {
        Self {
            folds: payload.folds(),
            payload,
        }
    }

    /// What of it is shown, and how.
    pub(super) const fn shown(&self, as_text: bool, columns: usize) -> Shown<'_> {
        Shown {
            payload: &self.payload,
            folds: &self.folds,
            as_text,
            columns,
        }
    }

    /// The tree, where it is JSON.
    pub(super) const fn tree(&self) -> Option<&Tree> {
        self.payload.tree()
    }

    /// Folds or unfolds a value.
    pub(super) fn toggle(&mut self, node: usize) {
        if let Some(tree) = self.payload.tree() {
            self.folds.toggle(tree, node);
        }
    }

    /// Folds or unfolds all.
    pub(super) fn fold_all(&mut self, folded: bool) {
        match self.payload.tree() {
            Some(tree) if folded => self.folds.fold_all(tree),
            _ => self.folds.unfold_all(),
        }
    }
}
