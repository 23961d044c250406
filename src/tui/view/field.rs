//! A line in which something is typed.
//!
//! ```text
//! > email.op▏
//! ```

use ratatui::layout::{Position, Rect};
use ratatui::style::Style;

use super::paint::Canvas;
use crate::tui::line_input::LineInput;
use crate::tui::text::{Line, Role};

/// Draws it into the area's first row behind its sign; returns where the cursor stands. What
/// is left of the cursor is always seen.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    sign: &str,
    input: &LineInput,
    hidden: bool,
) -> Option<Position> {
    if area.is_empty() {
        return None;
    }
    let sign = canvas.line(area, 0, &Line::of(Role::Accent, sign));
    let field = Rect {
        x: area.x + sign,
        width: area.width - sign,
        ..area
    };
    let (before, after) = input.parts();
    let dot = if canvas.unicode { "•" } else { "*" };
    let shown = |text: &str| {
        if hidden {
            dot.repeat(text.chars().count())
        } else {
            text.to_owned()
        }
    };
    let line = Line::of(Role::Plain, shown(before));
    // As it is written, and not as it was typed: escapes are longer.
    let at = line.width();
    let skip = (at + 1).saturating_sub(usize::from(field.width)).min(at);
    let line = line.with(Role::Plain, shown(after));
    canvas.line_from(field, 0, &line, skip, Style::new());
    let column = u16::try_from(at - skip).unwrap_or(u16::MAX);
    let last = area.right() - 1;
    Some(Position::new(
        field.x.saturating_add(column).min(last),
        area.y,
    ))
}
