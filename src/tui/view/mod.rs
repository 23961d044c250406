//! Drawing the model.

pub(super) mod detail;
mod dialog;
mod field;
mod footer;
mod header;
mod list;
mod paint;
#[cfg(test)]
pub(in crate::tui) mod tests;
mod theme;

use ratatui::Frame;
use ratatui::layout::{Position, Rect};

use super::content::glyphs::Glyphs;
use super::layout::{Areas, Shape};
use super::model::Model;
use paint::Canvas;
use theme::Theme;

/// Draws all of it.
pub(super) fn view(frame: &mut Frame<'_>, model: &Model) {
    let mut canvas = Canvas {
        cells: frame.buffer_mut(),
        theme: Theme::new(model.about.coloured),
        glyphs: Glyphs::of(model.about.unicode),
        unicode: model.about.unicode,
    };
    let areas = model.areas();
    // The terminal may be another size than the model heard of; the next frame is right.
    if !fits(&areas, canvas.cells.area) {
        return;
    }
    header::draw(&mut canvas, areas.header, model);
    rules(&mut canvas, &areas);
    let mut cursor = list::draw(&mut canvas, areas.list, model);
    detail::draw(&mut canvas, areas.detail, model);
    footer::draw(&mut canvas, areas.footer, model);
    if let Some(dialog) = &model.dialog {
        cursor = dialog::draw(&mut canvas, model.size, dialog);
    }
    if let Some(cursor) = cursor {
        frame.set_cursor_position(cursor);
    }
}

fn fits(areas: &Areas, whole: Rect) -> bool {
    [
        areas.header,
        areas.list,
        areas.detail,
        areas.footer,
        areas.divide,
    ]
    .iter()
    .all(|area| area.intersection(whole) == *area || area.is_empty())
}

/// Where the terminal's own cursor is to stand, if it is seen.
type Cursor = Option<Position>;

fn rules(canvas: &mut Canvas<'_>, areas: &Areas) {
    canvas.rule(areas.top_rule);
    canvas.rule(areas.bottom_rule);
    match areas.shape {
        Shape::Wide => {
            canvas.pillar(areas.divide);
            if canvas.unicode {
                let x = areas.divide.x;
                for (rule, joint) in [(areas.top_rule, "┬"), (areas.bottom_rule, "┴")] {
                    if !rule.is_empty() {
                        canvas.symbol(x, rule.y, joint, super::text::Role::Dim);
                    }
                }
            }
        }
        Shape::Stacked => canvas.rule(areas.divide),
        Shape::Single => {}
    }
}
