//! Copying.

use super::Worker;
use crate::tui::msg::Effect;

impl Worker {
    pub(in crate::tui) fn copy(&self, _effect: &Effect, _url: &str) -> Option<Vec<u8>> {
        None
    }
}
