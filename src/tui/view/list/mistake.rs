//! What is wrong with a filter, below the line in which it is typed.
//!
//! ```text
//!  / event:email.* staus:5xx
//!                  ^ did you mean `status`?
//!    there is no key `staus`; there are `event`, `status`, …
//! ```

use ratatui::layout::Rect;

use crate::filter::FilterError;
use crate::tui::prompt::Prompt;
use crate::tui::text::{Line, Role};
use crate::tui::view::paint::Canvas;
use crate::tui::wrap::wrap;

/// Columns in front of what is typed.
const BEFORE: usize = 3;
/// Lines that it takes at most.
const LINES: usize = 4;

/// Draws it from this row of the area on; the result is how many rows it takes.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    row: u16,
    prompt: &Prompt,
    error: &FilterError,
) -> u16 {
    let text = prompt.input.text();
    let before: String = text.chars().take(error.column.saturating_sub(1)).collect();
    // As it is shown, and not as it was typed.
    let column = BEFORE + Line::of(Role::Plain, before).width();
    let width = usize::from(area.width);
    let hint = error
        .suggestion
        .as_ref()
        .map(|meant| format!("did you mean `{meant}`?"));
    // What helps most stands behind the caret where it fits there, and else below it.
    let beside = hint.as_ref().unwrap_or(&error.message);
    let caret = Line::of(Role::Plain, " ".repeat(column)).with(Role::Bad, "^");
    let (first, rest) = if column + 2 + beside.chars().count() <= width {
        let first = caret.with(Role::Bad, format!(" {beside}"));
        (first, hint.map(|_| error.message.clone()))
    } else {
        let hint = hint.map_or_else(String::new, |hint| format!("{hint} "));
        (caret, Some(format!("{hint}{}", error.message)))
    };
    let mut lines = vec![first];
    if let Some(rest) = rest {
        for line in wrap(Line::of(Role::Bad, rest), width.saturating_sub(BEFORE + 1)) {
            let mut indented = Line::of(Role::Plain, " ".repeat(BEFORE));
            indented.pieces.extend(line.pieces);
            lines.push(indented);
        }
    }
    lines.truncate(LINES);
    for (row, line) in (row..).zip(&lines) {
        canvas.line(area, row, line);
    }
    u16::try_from(lines.len()).unwrap_or(1)
}
