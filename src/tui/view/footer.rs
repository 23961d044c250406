//! The footer: the keys that work here, now, or what has just been done.
//!
//! ```text
//!  ↑↓ move  ⏎ open  r replay  e edit  c copy  / filter  ? keys  q quit          following ↓
//! ```

use ratatui::layout::Rect;

use super::paint::Canvas;
use crate::tui::keys::{self, Action, Binding};
use crate::tui::layout::Pane;
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};

/// Draws it.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if area.is_empty() {
        return;
    }
    let inner = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        ..area
    };
    let state = state(model, canvas.unicode);
    let taken = canvas.line_at_end(inner, 0, &state);
    let room = Rect {
        width: inner.width.saturating_sub(taken + 1),
        ..inner
    };
    if let Some((said, _)) = &model.remark {
        let role = if said.bad { Role::Bad } else { Role::Good };
        canvas.line(room, 0, &Line::of(role, &said.text));
        return;
    }
    canvas.line(
        room,
        0,
        &hints(model, usize::from(room.width), canvas.unicode),
    );
}

/// As many keys as there is room for. The last two, help and quit, always have theirs.
fn hints(model: &Model, room: usize, unicode: bool) -> Line {
    // A dialog has all keys, and names its own.
    if model.dialog.is_some() {
        return Line::empty();
    }
    let wanted: Vec<_> = if model.prompt.is_some() {
        vec![("Enter", "keep"), ("Esc", "as before"), ("↑↓", "history")]
            .into_iter()
            .map(|(key, word)| piece(key, word, unicode))
            .collect()
    } else {
        keys::briefs(&model.places())
            .into_iter()
            .filter(|(binding, _)| works(model, binding.action))
            .map(|(binding, word)| piece(&key_of(binding), word, unicode))
            .collect()
    };
    as_many_as_fit(wanted, 2, room)
}

/// As many of these beside each other as there is room for; so many of the last have theirs
/// before the others.
pub(super) fn as_many_as_fit(mut wanted: Vec<Line>, last: usize, room: usize) -> Line {
    let last: Vec<Line> = wanted.split_off(wanted.len().saturating_sub(last));
    let kept: usize = last.iter().map(|one| one.width() + 2).sum();
    let mut line = Line::empty();
    for one in wanted {
        if line.width() + one.width() + 2 + kept > room {
            continue;
        }
        line = joined(line, one);
    }
    for one in last {
        if line.width() + one.width() <= room {
            line = joined(line, one);
        }
    }
    line
}

fn joined(mut line: Line, one: Line) -> Line {
    if !line.pieces.is_empty() {
        line = line.with(Role::Plain, "  ");
    }
    line.pieces.extend(one.pieces);
    line
}

/// A key and what it does.
pub(super) fn piece(key: &str, word: &str, unicode: bool) -> Line {
    let key = match key {
        "Enter" if unicode => "⏎",
        "↑↓" if !unicode => "up/down",
        key => key,
    };
    Line::of(Role::Accent, key).with(Role::Dim, format!(" {word}"))
}

fn key_of(binding: &Binding) -> String {
    match binding.action {
        Action::Down => "↑↓".into(),
        _ => binding
            .keys
            .first()
            .map_or(String::new(), |key| key.shown()),
    }
}

/// Whether an action would do something now.
fn works(model: &Model, action: Action) -> bool {
    let has_rows = model.list.len() > 0;
    match action {
        Action::Down
        | Action::Copy
        | Action::Export
        | Action::Mark
        | Action::ShowAs
        | Action::NextPane => has_rows,
        Action::Open => has_rows && model.pane == Pane::List,
        Action::Replay | Action::Edit => has_rows && !model.status.targets.is_empty(),
        Action::Back => model.pane == Pane::Detail || model.list.active().is_some(),
        Action::Compare => {
            let selected = model.list.selected();
            model.list.marked().any(|id| Some(id) != selected)
        }
        Action::NextFailure | Action::PreviousFailure => model.list.has_failures(),
        Action::Url => model.status.public_url().is_some(),
        Action::Page => model.about.page.is_some(),
        Action::Follow => !model.list.follows() && has_rows,
        _ => true,
    }
}

/// What the list does, and how far replays of many have come.
fn state(model: &Model, unicode: bool) -> Line {
    if let Some(progress) = model.progress {
        let text = format!("replaying {} of {}, R stops", progress.done, progress.total);
        return Line::of(Role::Accent, text);
    }
    let arrow = if unicode { "↓" } else { "" };
    if model.list.follows() {
        return Line::of(Role::Dim, format!("following {arrow}"));
    }
    match model.list.unseen() {
        0 => Line::empty(),
        count => Line::of(Role::Accent, format!("{count} new {arrow}")),
    }
}
