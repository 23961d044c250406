//! What stands on top of everything.

mod ask;
mod boxed;
mod confirm;
mod help;
mod pick;
mod sheet;

use super::Cursor;
use super::paint::Canvas;
use crate::tui::dialog::Dialog;

/// Draws it; the cursor stands where something is typed.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), dialog: &Dialog) -> Cursor {
    match dialog {
        Dialog::Confirm(confirm) => {
            confirm::draw(canvas, size, confirm);
            None
        }
        Dialog::Help(help) => help::draw(canvas, size, help),
        Dialog::Pick(pick) => pick::draw(canvas, size, pick),
        Dialog::Ask(ask) => ask::draw(canvas, size, ask),
        Dialog::Sheet(sheet) => {
            sheet::draw(canvas, size, sheet);
            None
        }
    }
}
