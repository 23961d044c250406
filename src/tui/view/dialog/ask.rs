//! A line to be typed.
//!
//! ```text
//! ┌ Forward to ────────────────────────────────────────────┐
//! │ > http://localhost:3000 ftp://x▏                       │
//! │                                                        │
//! │ `ftp://x` is not a target: only http and https can be  │
//! │ forwarded to                                           │
//! │ use a port (`3000`), HOST:PORT (`localhost:3000`) …    │
//! └ ⏎ forward there  Esc leave it ─────────────────────────┘
//! ```

use super::boxed::{self, Frame};
use crate::tui::dialog::{ASK_COLUMNS as COLUMNS, Ask, place};
use crate::tui::view::paint::Canvas;
use crate::tui::view::{Cursor, field};

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), ask: &Ask) -> Cursor {
    let notes = ask.notes(place::room(size, COLUMNS));
    let rows = u16::try_from(notes.len() + 2).unwrap_or(u16::MAX);
    let place = place::middle(size, COLUMNS, rows);
    let title = ask.title();
    let frame = Frame {
        title: &title,
        count: String::new(),
        hints: ask.hints(),
    };
    boxed::draw(canvas, place, &frame);
    // Without room for all of it, what is wrong matters more than an empty line.
    let mut below = place.inner;
    below.y += (place.inner.height).min(if place.inner.height >= rows { 2 } else { 1 });
    below.height = place.inner.bottom() - below.y;
    for (row, line) in (0..below.height).zip(&notes) {
        canvas.line(below, row, line);
    }
    field::draw(canvas, place.inner, "> ", &ask.input, ask.is_hidden())
}
