//! The frame of a dialog: its title above, the keys that work in it below.
//!
//! ```text
//! ┌ Title ───────────────────── 3 of 58 ┐
//! │                                     │
//! └ ↑↓ choose  ⏎ send  Esc close ───────┘
//! ```

use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::widgets::{Block, Borders, Widget as _};

use crate::tui::dialog::Hint;
use crate::tui::dialog::place::{Place, has_rules, has_sides};
use crate::tui::text::{Line, Role};
use crate::tui::view::footer::{as_many_as_fit, piece};
use crate::tui::view::paint::Canvas;

const ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// What stands in a frame.
pub(super) struct Frame<'a> {
    pub(super) title: &'a str,
    /// At the end of the title's row; empty where there is nothing to say.
    pub(super) count: String,
    pub(super) hints: Vec<Hint>,
}

/// Draws it around an empty box.
pub(super) fn draw(canvas: &mut Canvas<'_>, place: Place, frame: &Frame<'_>) {
    let outer = place.outer;
    canvas.clear(outer);
    if !has_rules(outer) {
        return;
    }
    let sides = if has_sides(outer) {
        Borders::ALL
    } else {
        Borders::TOP | Borders::BOTTOM
    };
    let set = if canvas.unicode { border::PLAIN } else { ASCII };
    Block::new()
        .borders(sides)
        .border_set(set)
        .border_style(canvas.theme.style(Role::Dim))
        .render(outer, canvas.cells);
    let row = |y| Rect {
        x: outer.x + 1,
        y,
        width: outer.width.saturating_sub(2),
        height: 1,
    };
    let top = row(outer.y);
    let taken = if frame.title.is_empty() {
        0
    } else {
        let title = Line::of(Role::Strong, format!(" {} ", frame.title));
        canvas.line(top, 0, &title)
    };
    if !frame.count.is_empty() {
        let rest = Rect {
            x: top.x + taken,
            width: top.width - taken,
            ..top
        };
        let count = Line::of(Role::Dim, format!(" {} ", frame.count));
        canvas.line_at_end(rest, 0, &count);
    }
    let hints = frame.hints.iter();
    let hints = hints.map(|(key, word)| piece(key, word, canvas.unicode));
    let bottom = row(outer.bottom() - 1);
    let room = usize::from(bottom.width).saturating_sub(2);
    let mut line = Line::of(Role::Plain, " ");
    line.pieces
        .extend(as_many_as_fit(hints.collect(), 1, room).pieces);
    canvas.line(bottom, 0, &line.with(Role::Plain, " "));
}

/// What of so many lines is seen, where that is not all.
pub(super) fn seen(seen: Option<(usize, usize)>, count: usize, unicode: bool) -> String {
    let dash = if unicode { "–" } else { "-" };
    seen.map_or_else(String::new, |(from, to)| {
        format!("{from}{dash}{to} of {count}")
    })
}
