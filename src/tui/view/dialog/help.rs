//! All keys.
//!
//! ```text
//! ┌ Keys ────────────────────────────────────────────── 1–20 of 38 ┐
//! │ / type to search                                               │
//! │                                                                │
//! │ Moving                         Looking                         │
//! │ ↑ k          up                Enter d l →  the detail of the  │
//! │ ↓ j          down                           selected delivery  │
//! └ ↑↓ scroll  Esc close ──────────────────────────────────────────┘
//! ```

use ratatui::layout::Rect;

use super::boxed::{self, Frame};
use crate::tui::dialog::{Help, place};
use crate::tui::text::{Line, Role};
use crate::tui::view::paint::Canvas;
use crate::tui::view::{Cursor, field};

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), help: &Help) -> Cursor {
    let place = place::sheet(size);
    let frame = Frame {
        title: "Keys",
        count: boxed::seen(help.scroll.seen(), help.scroll.count, canvas.unicode),
        hints: help.hints(),
    };
    boxed::draw(canvas, place, &frame);
    let below = place::below_input(place.inner);
    let (columns, width) = help.visible();
    let width = u16::try_from(width).unwrap_or(u16::MAX);
    let mut x = below.x;
    for lines in columns {
        let column = Rect {
            x,
            width: width.min(below.right().saturating_sub(x)),
            ..below
        };
        for (row, line) in (0..column.height).zip(lines) {
            canvas.line(column, row, line);
        }
        x = x.saturating_add(width);
    }
    let cursor = field::draw(canvas, place.inner, "> ", &help.input, false);
    if help.input.text().is_empty() && place.inner.width > 2 {
        let field = Rect {
            x: place.inner.x + 2,
            width: place.inner.width - 2,
            ..place.inner
        };
        canvas.line(field, 0, &Line::of(Role::Dim, "type to search"));
    }
    cursor
}
