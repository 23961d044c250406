//! The names of the tabs, and where each stands.

use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};

use crate::tui::detail::{Detail, Tab};
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};
use crate::tui::view::paint::Canvas;

/// The row of the tabs' names.
fn row(area: Rect) -> u16 {
    area.y + Detail::head_rows(area.height) + u16::from(Detail::is_roomy(area.height))
}

/// The first row below them.
pub(in crate::tui) fn below(area: Rect) -> u16 {
    (row(area) + 1 + u16::from(Detail::is_roomy(area.height))).min(area.bottom())
}

/// How much of the tabs' names there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// All names, with so many columns between them.
    Names(u16),
    /// Numbers only, but for the tab that is shown.
    Numbers,
}

impl Form {
    fn of(area: Rect) -> Self {
        let names: usize = Tab::ALL.iter().map(|tab| tab.name().len() + 2).sum();
        let names = u16::try_from(names).unwrap_or(u16::MAX);
        let gaps = u16::try_from(Tab::ALL.len()).unwrap_or(0) - 1;
        let room = area.width.saturating_sub(2);
        match room.checked_sub(names) {
            Some(rest) if rest >= 2 * gaps => Self::Names(2),
            Some(rest) if rest >= gaps => Self::Names(1),
            _ => Self::Numbers,
        }
    }
}

/// Where each tab's name stands; `shown` is the tab that is open.
pub(in crate::tui) fn places(area: Rect, shown: Tab) -> impl Iterator<Item = (Tab, Rect)> {
    let (form, y) = (Form::of(area), row(area));
    let mut x = area.x + 1;
    Tab::ALL.into_iter().map_while(move |tab| {
        let named = tab == shown || form != Form::Numbers;
        let length = if named { tab.name().len() + 2 } else { 1 };
        let place = Rect {
            x,
            y,
            width: u16::try_from(length).unwrap_or(1),
            height: 1,
        };
        x = place.right()
            + match form {
                Form::Names(gap) => gap,
                Form::Numbers => 2,
            };
        (place.right() <= area.right() && y < area.bottom()).then_some((tab, place))
    })
}

/// Draws them.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let shown = model.detail.tab();
    let named = Form::of(area) != Form::Numbers;
    let mut end = area.x;
    for (tab, place) in places(area, shown) {
        let role = match (tab == shown, model.pane) {
            (true, Pane::Detail) => Role::Accent,
            (true, Pane::List) => Role::Strong,
            (false, _) => Role::Dim,
        };
        let text = if named || tab == shown {
            format!("{} {}", tab.number(), tab.name())
        } else {
            tab.number().to_string()
        };
        canvas.line(place, 0, &Line::of(role, text));
        if tab == shown {
            underline(canvas, place);
        }
        end = place.right();
    }
    let rest = Rect {
        x: end + 1,
        y: row(area),
        width: area.right().saturating_sub(end + 2),
        height: u16::from(row(area) < area.bottom()),
    };
    if let Some(more) = super::more(model) {
        canvas.line_at_end(rest, 0, &more);
    }
}

/// So that the tab that is shown is told by more than its colour.
fn underline(canvas: &mut Canvas<'_>, place: Rect) {
    let style = Style::new().add_modifier(Modifier::UNDERLINED);
    canvas.cells.set_style(place, style);
}
