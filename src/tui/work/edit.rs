//! Editing.

use super::Worker;
use crate::tui::msg::{Msg, Said};

/// A payload that is about to be edited.
pub(in crate::tui) struct Edit;

impl Edit {
    pub(in crate::tui) fn run(self) -> Msg {
        Msg::Done(Said::bad("not yet"))
    }
}

impl Worker {
    pub(in crate::tui) fn edit(&self, _id: u64) -> Option<Edit> {
        None
    }
}
