//! A question before something that cannot be undone.
//!
//! ```text
//! ┌──────────────────────────────────────────────┐
//! │ Delete #42 email.opened?                     │
//! │ It goes with all its attempts, for good.     │
//! └ y delete  n do not ──────────────────────────┘
//! ```

use super::boxed::{self, Frame};
use crate::tui::dialog::{Confirm, place};
use crate::tui::text::{Line, Role};
use crate::tui::view::paint::Canvas;
use crate::tui::wrap::wrap_below;

/// Columns of the box at most.
const COLUMNS: u16 = 64;

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), confirm: &Confirm) {
    let room = place::room(size, COLUMNS);
    let mut lines = wrap_below(Line::of(Role::Strong, &confirm.question), room, 0);
    if !confirm.detail.is_empty() {
        lines.extend(wrap_below(Line::of(Role::Plain, &confirm.detail), room, 0));
    }
    let rows = u16::try_from(lines.len()).unwrap_or(u16::MAX);
    let place = place::middle(size, COLUMNS, rows);
    let frame = Frame {
        title: "",
        count: String::new(),
        hints: confirm.hints(),
    };
    boxed::draw(canvas, place, &frame);
    for (row, line) in (0..place.inner.height).zip(&lines) {
        canvas.line(place.inner, row, line);
    }
}
