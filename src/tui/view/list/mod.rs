//! The list of deliveries.
//!
//! ```text
//!    #   time      event              app    took
//!  126  10:32:05  email.opened    ✓  down      ↻2 *
//! ▌127  10:32:07  email.opened    ✓   200  12ms
//! ```

mod mistake;
mod row;

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use super::paint::Canvas;
use super::{Cursor, field};
use crate::delivery::words;
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};
use row::{Columns, Look};

/// Draws it; the cursor is in the filter while that is typed.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Cursor {
    if area.is_empty() {
        return None;
    }
    let mut cursor = None;
    let mut top = 0;
    if let Some(prompt) = &model.prompt {
        cursor = field::draw(canvas, area, " / ", &prompt.input, false);
        top += 1;
    } else if let Some(active) = model.list.active() {
        let line = Line::of(Role::Accent, " / ").with(Role::Strong, &active.text);
        let taken = canvas.line(area, 0, &line);
        let count = format!("{} of {} ", model.list.len(), model.list.total());
        let rest = Rect {
            x: area.x + taken,
            width: area.width - taken,
            ..area
        };
        canvas.line_at_end(rest, 0, &Line::of(Role::Dim, count));
        top += 1;
    }
    let columns = Columns::of(usize::from(area.width).saturating_sub(1), model);
    if let Some(prompt) = &model.prompt
        && let Some(error) = &prompt.error
    {
        top += mistake::draw(canvas, area, top, prompt, error);
    } else {
        canvas.line(area, top, &columns.names(model.ago));
        top += 1;
    }
    let focused = model.pane == Pane::List;
    for (at, (row, selected)) in (top..).zip(model.list.visible()) {
        let look = Look {
            selected,
            focused,
            glyphs: &canvas.glyphs,
            unicode: canvas.unicode,
        };
        let line = row::line(row, &look, &columns, model);
        let more = if selected {
            Style::new().add_modifier(Modifier::BOLD)
        } else {
            Style::new()
        };
        canvas.line_from(area, at, &line, 0, more);
    }
    if model.list.len() == 0 {
        let below = Rect {
            y: area.y + top.min(area.height),
            height: area.height.saturating_sub(top),
            ..area
        };
        canvas.in_the_middle(below, &empty(model));
    }
    cursor
}

fn empty(model: &Model) -> Vec<Line> {
    if model.list.active().is_some() {
        return vec![
            Line::of(Role::Strong, "Nothing matches."),
            Line::empty(),
            Line::of(Role::Dim, "Esc shows all again."),
        ];
    }
    let open = model.status.tunnel.as_ref().and_then(|t| t.open_url());
    let registered = &model.status.registered;
    let there = registered.first().map(|one| &*one.url).or(open);
    let url = there.unwrap_or(&model.about.url);
    let what = words::registered(registered.len());
    let what = what.unwrap_or_else(|| "Point your webhook at ".into());
    vec![
        Line::of(Role::Strong, "No deliveries yet."),
        Line::empty(),
        Line::of(Role::Plain, what),
        Line::of(Role::Accent, format!("  {url}")),
        Line::of(Role::Plain, "or press ")
            .with(Role::Accent, "t")
            .with(Role::Plain, " to send a sample."),
    ]
}
