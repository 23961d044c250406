//! A page to be read.
//!
//! ```text
//! ┌ #120 and #127 ─────────────────────────────── 1–20 of 64 ┐
//! │ …                                                        │
//! └ ↑↓ scroll  PgDn page  < > sideways  W wrap  Esc close ───┘
//! ```

use ratatui::style::Style;

use super::boxed::{self, Frame};
use crate::tui::dialog::{Sheet, place};
use crate::tui::view::paint::Canvas;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), sheet: &Sheet) {
    let place = place::sheet(size);
    let frame = Frame {
        title: &sheet.title,
        count: boxed::seen(sheet.scroll.seen(), sheet.scroll.count, canvas.unicode),
        hints: Sheet::hints(),
    };
    boxed::draw(canvas, place, &frame);
    for (row, line) in (0..place.inner.height).zip(sheet.visible()) {
        canvas.line_from(place.inner, row, line, sheet.left, Style::new());
    }
}
