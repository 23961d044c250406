//! The detail of the selected delivery.
//!
//! ```text
//!  #127  email.opened     ✓ signed (cakemail-base64, "bounces")
//!  POST /webhooks/cakemail                 10:32:07  1.2 KB
//!
//!  1 Payload  2 Headers  3 Response  4 Attempts  5 Signature  6 Raw
//!
//!  ▾ event      "email.opened"
//! ```

pub(in crate::tui) mod tabs;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::paint::Canvas;
use crate::tui::detail::Detail;
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if area.is_empty() || model.detail.kept().is_none() {
        return;
    }
    let inner = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(1),
        ..area
    };
    for (row, line) in (0..Detail::head_rows(area.height)).zip(model.detail.head()) {
        canvas.line(inner, row, &line);
    }
    tabs::draw(canvas, area, model);
    let below = tabs::below(area);
    let body = Rect {
        y: below,
        height: area.bottom().saturating_sub(below),
        ..inner
    };
    let focused = model.pane == Pane::Detail;
    for (row, (line, at_cursor)) in (0..body.height).zip(model.detail.visible()) {
        let more = if at_cursor && focused {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        };
        if at_cursor && focused {
            let bar = if canvas.unicode { "▌" } else { ">" };
            canvas.symbol(area.x, body.y + row, bar, Role::Accent);
        }
        canvas.line_from(body, row, line, model.detail.left(), more);
    }
}

/// How much there is that the window does not show.
fn more(model: &Model) -> Option<Line> {
    let dash = if model.about.unicode { "–" } else { "-" };
    let (top, height, count) = model.detail.window();
    let below = count.saturating_sub(top + height);
    (top > 0 || below > 0).then(|| {
        Line::of(
            Role::Dim,
            format!("{}{dash}{} of {count}", top + 1, (top + height).min(count)),
        )
    })
}
