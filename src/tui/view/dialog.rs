//! What stands on top of everything.

use ratatui::layout::Rect;

use super::Cursor;
use super::paint::Canvas;
use crate::tui::dialog::{Confirm, Dialog};
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};
use crate::tui::wrap::wrap;

/// Draws it; the cursor stands where something is typed.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    size: (u16, u16),
    dialog: &Dialog,
    _model: &Model,
) -> Cursor {
    match dialog {
        Dialog::Confirm(confirm) => {
            ask(canvas, size, confirm);
            None
        }
    }
}

/// ```text
/// ┌────────────────────────────────────────────────┐
/// │ Delete #42 email.opened?                       │
/// │ It goes with all its attempts, for good.       │
/// │                                                │
/// │ y delete  n leave it                           │
/// └────────────────────────────────────────────────┘
/// ```
fn ask(canvas: &mut Canvas<'_>, size: (u16, u16), confirm: &Confirm) {
    let width = size.0.saturating_sub(4).min(64);
    let room = usize::from(width.saturating_sub(4));
    let mut lines = wrap(Line::of(Role::Strong, &confirm.question), room);
    if !confirm.detail.is_empty() {
        lines.extend(wrap(Line::of(Role::Plain, &confirm.detail), room));
    }
    lines.push(Line::empty());
    lines.push(
        Line::of(Role::Accent, "y")
            .with(Role::Plain, format!(" {}  ", confirm.verb))
            .with(Role::Accent, "n")
            .with(Role::Plain, " do not"),
    );
    let height = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let inner = boxed(canvas, size, width, height);
    for (row, line) in (0..).zip(&lines) {
        canvas.line(inner, row, line);
    }
}

/// An empty box in the middle of the screen; the result is the room in it.
fn boxed(canvas: &mut Canvas<'_>, size: (u16, u16), width: u16, height: u16) -> Rect {
    use ratatui::symbols::border;
    use ratatui::widgets::{Block, Widget as _};
    let (width, height) = (width.min(size.0), height.min(size.1));
    let area = Rect {
        x: (size.0 - width) / 2,
        y: (size.1 - height) / 3,
        width,
        height,
    };
    canvas.clear(area);
    let ascii = border::Set {
        top_left: "+",
        top_right: "+",
        bottom_left: "+",
        bottom_right: "+",
        vertical_left: "|",
        vertical_right: "|",
        horizontal_top: "-",
        horizontal_bottom: "-",
    };
    let set = if canvas.unicode { border::PLAIN } else { ascii };
    let block = Block::bordered()
        .border_set(set)
        .border_style(canvas.theme.style(Role::Dim));
    let inner = block.inner(area);
    block.render(area, canvas.cells);
    Rect {
        x: inner.x + 1,
        width: inner.width.saturating_sub(2),
        ..inner
    }
}
