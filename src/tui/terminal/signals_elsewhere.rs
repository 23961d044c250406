//! Systems that are not Unix have no signals for this.

use std::io;

use tokio::sync::mpsc::Sender;

use super::input::Input;

pub(super) struct Signals;

impl Signals {
    pub(super) fn start(_to: Sender<Input>) -> io::Result<Self> {
        Ok(Self)
    }

    pub(super) fn aside(&self) {}

    pub(super) fn back(&self) {}

    pub(super) fn stop(&self) {}
}

/// Nothing stops for a while.
pub(super) fn can_stop() -> bool {
    false
}
