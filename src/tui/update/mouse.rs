//! What the mouse does: it selects, scrolls, and clicks tabs.

use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::{Position, Rect};

use super::turn_to;
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::msg::Effect;
use crate::tui::view::detail::tabs;

/// Lines of a turn of the wheel.
const WHEEL: isize = 3;

/// Takes an event of the mouse.
pub(super) fn mouse(model: &mut Model, event: MouseEvent) -> Option<Effect> {
    if let Some(dialog) = &mut model.dialog {
        match event.kind {
            MouseEventKind::ScrollUp => dialog.scroll(-WHEEL),
            MouseEventKind::ScrollDown => dialog.scroll(WHEEL),
            _ => {}
        }
        return None;
    }
    let at = Position::new(event.column, event.row);
    let areas = model.areas();
    let is_in = |area: Rect| area.contains(at);
    match event.kind {
        MouseEventKind::ScrollUp | MouseEventKind::ScrollDown => {
            let by = if event.kind == MouseEventKind::ScrollUp {
                -WHEEL
            } else {
                WHEEL
            };
            if is_in(areas.list) {
                model.list.step(by);
            } else if is_in(areas.detail) {
                model.detail.step(by);
            }
        }
        MouseEventKind::Down(MouseButton::Left) if is_in(areas.list) => {
            turn_to(model, Pane::List);
            let above = areas.list.y + 1 + u16::from(model.has_filter_line());
            let (top, height) = model.list.window();
            if let Some(row) = at.y.checked_sub(above).map(usize::from)
                && row < height
                && top + row < model.list.len()
            {
                model.list.go(top + row);
            }
        }
        MouseEventKind::Down(MouseButton::Left) if is_in(areas.detail) => {
            turn_to(model, Pane::Detail);
            let hit = |(tab, area): (_, Rect)| area.contains(at).then_some(tab);
            if let Some(tab) = tabs::places(areas.detail, model.detail.tab()).find_map(hit) {
                model.detail.show(tab);
            } else if let Some(row) = at.y.checked_sub(tabs::below(areas.detail)) {
                model.detail.click(usize::from(row));
            }
        }
        _ => {}
    }
    None
}
