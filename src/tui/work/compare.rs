//! Finding out what differs between two deliveries.

use super::Worker;
use crate::tui::content::compare;
use crate::tui::content::glyphs::Glyphs;
use crate::tui::dialog::{Dialog, Sheet, Topic};
use crate::tui::msg::{Msg, Said};

impl Worker {
    /// Finds out what differs between two deliveries, and has it shown.
    pub(super) fn compare(&self, old: u64, new: u64, glyphs: Glyphs) {
        let this = self.clone();
        self.runtime.spawn_blocking(move || {
            let both = this.store().get(old).zip(this.store().get(new));
            let Some((one, other)) = both else {
                this.say(Said::bad(format!(
                    "#{old} and #{new} are not both kept any longer"
                )));
                return;
            };
            let lines = compare::lines(&one, &other, &glyphs);
            let title = format!("#{old} and #{new}");
            let sheet = Sheet::new(Topic::Compared, title, lines);
            this.tell(Msg::Ask(Box::new(Dialog::Sheet(Box::new(sheet)))));
        });
    }
}
