//! Finding out what differs between two deliveries.

use super::Worker;
use crate::tui::content::compare;
use crate::tui::content::glyphs::Glyphs;
use crate::tui::msg::{Msg, Said};

impl Worker {
    /// The older one first. Large payloads take a moment.
    pub(super) fn compare(&self, old: u64, new: u64) {
        let this = self.clone();
        self.runtime.spawn_blocking(move || {
            let both = this.store().get(old).zip(this.store().get(new));
            let Some((older, newer)) = both else {
                this.say(Said::bad(format!("#{old} or #{new} is kept no longer")));
                return;
            };
            let lines = compare::lines(&older, &newer, &Glyphs::of(this.unicode));
            this.tell(Msg::Compared(format!("#{old} and #{new}"), lines));
        });
    }
}
