//! Things of which one is chosen: by typing, or each by a letter.
//!
//! ```text
//! ┌ Trigger ──────────────────────────────────── 3 of 58 ┐   ┌ Copy ──────────────────────────┐
//! │ > opened▏                                            │   │ ▌ c curl     a command that …  │
//! │                                                      │   │   p payload  431 B             │
//! │ ▌ email.opened   A contact opened an email           │   │   h headers  6 of the request  │
//! └ ↑↓ choose  ⏎ send  Esc close ────────────────────────┘   └ ↑↓ choose  ⏎ copy  Esc close ──┘
//! ```

use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr as _;

use super::boxed::{self, Frame};
use crate::tui::dialog::{Item, Pick};
use crate::tui::text::{Line, Role};
use crate::tui::view::paint::Canvas;
use crate::tui::view::{Cursor, field};

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, size: (u16, u16), pick: &Pick) -> Cursor {
    let place = pick.place(size);
    let (shown, all) = pick.count();
    let count = if pick.input.is_some() {
        format!("{shown} of {all}")
    } else {
        boxed::seen(pick.scroll.seen(), all, canvas.unicode)
    };
    let frame = Frame {
        title: pick.title,
        count,
        hints: pick.hints(),
    };
    boxed::draw(canvas, place, &frame);
    let list = pick.list(size);
    // Names get no more than half of the room, so that what they are is seen.
    let name = pick.name_width().min(usize::from(list.width) / 2);
    for (row, (item, at)) in (0..list.height).zip(pick.visible()) {
        draw_item(canvas, list, row, item, at, name);
    }
    if shown == 0 {
        canvas.line(list, 0, &Line::of(Role::Dim, "Nothing is called that."));
    }
    let input = pick.input.as_ref()?;
    field::draw(canvas, place.inner, "> ", input, false)
}

fn draw_item(canvas: &mut Canvas<'_>, list: Rect, row: u16, item: &Item, at: bool, name: usize) {
    let bar = match (at, canvas.unicode) {
        (true, true) => "▌ ",
        (true, false) => "> ",
        (false, _) => "  ",
    };
    let mut line = Line::of(Role::Accent, bar);
    if let Some(letter) = item.letter {
        line = line.with(Role::Accent, format!("{letter} "));
    }
    let gap = (name + 2).saturating_sub(item.name.width());
    let role = if at { Role::Strong } else { Role::Plain };
    let line = line
        .with(role, &item.name)
        .with(Role::Plain, " ".repeat(gap.max(2)))
        .with(Role::Dim, &item.about);
    canvas.line(list, row, &line);
}
