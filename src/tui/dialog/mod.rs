//! What stands on top of everything and has all keys until it is closed.

mod confirm;

use crossterm::event::KeyEvent;

pub(super) use confirm::Confirm;

use super::msg::Effect;

/// One of them.
#[derive(Debug)]
pub(super) enum Dialog {
    /// A question to be answered with yes or no.
    Confirm(Confirm),
}

/// What a key does to a dialog.
#[derive(Debug)]
pub(super) enum Answer {
    /// It stays.
    Stay,
    /// It closes.
    Close,
    /// It closes, and this is to be done.
    Do(Effect),
}

impl Dialog {
    /// Takes a key.
    pub(super) fn key(&mut self, key: KeyEvent) -> Answer {
        match self {
            Self::Confirm(confirm) => confirm.key(key),
        }
    }

    /// Takes pasted text.
    pub(super) fn paste(&mut self, _text: &str) {
        match self {
            Self::Confirm(_) => {}
        }
    }
}
