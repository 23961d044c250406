//! The list of deliveries.
//!
//! ```text
//!    #   time      event              app    took
//!  126  10:32:05  email.opened    ✓  down      ↻2 *
//! ▌127  10:32:07  email.opened    ✓   200  12ms
//! ```

use jiff::Timestamp;
use ratatui::layout::{Position, Rect};
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::Cursor;
use super::paint::Canvas;
use crate::delivery::words::took;
use crate::tui::layout::Pane;
use crate::tui::list::{Ending, Mark, Row};
use crate::tui::model::Model;
use crate::tui::prompt::Prompt;
use crate::tui::text::{Line, Role};

/// The event's name has so many columns before the durations go.
const NAME: usize = 16;

/// Which columns there are and how wide.
struct Columns {
    id: usize,
    name: usize,
    took: bool,
    replays: bool,
    stars: bool,
}

impl Columns {
    fn of(width: usize, model: &Model) -> Self {
        let rows = || model.list.visible().map(|(row, _)| row);
        let id = rows().map(|row| digits(row.id)).max().unwrap_or(1).max(3);
        let replays = rows().any(|row| row.replays > 0);
        let stars = rows().any(|row| row.marked);
        // Bar, id, time, mark, status, with what stands between them.
        let fixed = 1 + id + 2 + 8 + 2 + 1 + 1 + 1 + 4;
        let optional = if replays { 5 } else { 0 } + if stars { 2 } else { 0 };
        let rest = width.saturating_sub(fixed + optional);
        let took = rest >= NAME + 8;
        let name = if took { rest - 8 } else { rest };
        Self {
            id,
            name,
            took,
            replays,
            stars,
        }
    }
}

/// Draws it; the cursor is in the filter while that is typed.
pub(super) fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Cursor {
    if area.is_empty() {
        return None;
    }
    let mut cursor = None;
    let mut top = 0;
    if let Some(prompt) = &model.prompt {
        cursor = Some(typed(canvas, area, prompt));
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
    match model
        .prompt
        .as_ref()
        .and_then(|prompt| prompt.error.as_ref())
    {
        Some(error) => {
            // Below the mistake, which the prompt's own ` / ` moves to the right.
            let before = (error.column + 2).min(usize::from(area.width) / 3);
            let suggestion = error
                .suggestion
                .as_ref()
                .map_or(String::new(), |meant| format!("; did you mean `{meant}`?"));
            let line = Line::of(Role::Plain, " ".repeat(before))
                .with(Role::Bad, format!("^ {}{suggestion}", error.message));
            canvas.line(area, top, &line);
        }
        None => {
            canvas.line(area, top, &names(&columns, model));
        }
    }
    top += 1;
    let focused = model.pane == Pane::List;
    for (at, (row, selected)) in (top..).zip(model.list.visible()) {
        let line = line(row, selected, focused, &columns, model, canvas.unicode);
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

fn typed(canvas: &mut Canvas<'_>, area: Rect, prompt: &Prompt) -> Position {
    let text = prompt.input.text();
    // What is left of the cursor is always seen.
    let before: String = text.chars().take(prompt.input.cursor()).collect();
    let room = usize::from(area.width).saturating_sub(4);
    let skip = before.width().saturating_sub(room);
    canvas.line(area, 0, &Line::of(Role::Accent, " / "));
    let field = Rect {
        x: area.x + 3,
        width: area.width.saturating_sub(3),
        ..area
    };
    canvas.line_from(field, 0, &Line::of(Role::Plain, text), skip, Style::new());
    let column = u16::try_from(before.width() - skip).unwrap_or(0);
    Position::new(
        (field.x + column).min(area.right().saturating_sub(1)),
        area.y,
    )
}

fn names(columns: &Columns, model: &Model) -> Line {
    let time = if model.ago { "ago" } else { "time" };
    let mut text = format!(
        " {:>id$}  {time:<8}  {} {:<1} {:>4}",
        "#",
        fitted("event", columns.name),
        "",
        "app",
        id = columns.id
    );
    if columns.took {
        text.push_str("    took");
    }
    Line::of(Role::Dim, text)
}

fn line(
    row: &Row,
    selected: bool,
    focused: bool,
    columns: &Columns,
    model: &Model,
    unicode: bool,
) -> Line {
    let bar = match (selected, unicode) {
        (true, true) => "▌",
        (true, false) => ">",
        (false, _) => " ",
    };
    let bar_role = if focused { Role::Accent } else { Role::Dim };
    let time = if model.ago {
        ago(row.at, model.now)
    } else {
        let local = row.at.to_zoned(model.about.zone.clone());
        local.strftime("%H:%M:%S").to_string()
    };
    let name_role = if row.is_failure() {
        Role::Bad
    } else {
        Role::Plain
    };
    let (mark, mark_role) = mark(row.mark, unicode);
    let (status, status_role) = status(row.ending, unicode);
    let mut line = Line::of(bar_role, bar)
        .with(
            Role::Dim,
            format!("{:>width$}  ", row.id, width = columns.id),
        )
        .with(Role::Dim, format!("{time:<8}  "))
        .with(name_role, fitted(&row.name, columns.name))
        .with(mark_role, format!(" {mark} "))
        .with(status_role, format!("{status:>4}"));
    if columns.took {
        let took = row.took.map_or(String::new(), took);
        line = line.with(Role::Dim, format!("  {took:>6}"));
    }
    if columns.replays {
        let sign = if unicode { "↻" } else { "r" };
        let replays = match row.replays {
            0 => String::new(),
            many => format!("{sign}{many}"),
        };
        line = line.with(Role::Accent, format!(" {replays:>4}"));
    }
    if columns.stars && row.marked {
        line = line.with(Role::Accent, if unicode { " ★" } else { " *" });
    }
    line
}

/// The mark of a verdict.
fn mark(mark: Mark, unicode: bool) -> (&'static str, Role) {
    match (mark, unicode) {
        (Mark::Valid, true) => ("✓", Role::Good),
        (Mark::Valid, false) => ("v", Role::Good),
        (Mark::Invalid, true) => ("✗", Role::Bad),
        (Mark::Invalid, false) => ("x", Role::Bad),
        (Mark::Unsigned, true) => ("·", Role::Dim),
        (Mark::Unsigned, false) => ("-", Role::Dim),
        (Mark::Unchecked, _) => ("?", Role::Warn),
    }
}

fn status(ending: Ending, unicode: bool) -> (String, Role) {
    match ending {
        Ending::Open => (if unicode { "…" } else { ".." }.into(), Role::Dim),
        Ending::Answered(status) => {
            let role = match status {
                200..300 => Role::Good,
                300..400 => Role::Warn,
                _ => Role::Bad,
            };
            (status.to_string(), role)
        }
        Ending::Own(status) if status < 400 => (status.to_string(), Role::Dim),
        Ending::Own(status) => (status.to_string(), Role::Bad),
        Ending::Failed(code) => (brief(code.name()).into(), Role::Bad),
    }
}

/// A failure in four columns.
fn brief(name: &'static str) -> &'static str {
    match name {
        "refused" => "down",
        "timeout" => "slow",
        "reset" | "closed" => "cut",
        "unreachable" => "lost",
        "protocol" => "bad",
        short => short,
    }
}

/// How long ago something was, in at most four columns.
fn ago(at: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(at).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// The text in exactly so many columns, cut or filled up.
fn fitted(text: &str, columns: usize) -> String {
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let mut cut = String::new();
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        if taken + grapheme.width() + 1 > columns {
            break;
        }
        taken += grapheme.width();
        cut.push_str(grapheme);
    }
    if taken < columns {
        cut.push('…');
        taken += 1;
    }
    cut.push_str(&" ".repeat(columns - taken));
    cut
}

fn digits(id: u64) -> usize {
    id.to_string().len()
}

fn empty(model: &Model) -> Vec<Line> {
    if model.list.active().is_some() {
        return vec![
            Line::of(Role::Strong, "Nothing matches."),
            Line::empty(),
            Line::of(Role::Dim, "Esc shows all again."),
        ];
    }
    vec![
        Line::of(Role::Strong, "No deliveries yet."),
        Line::empty(),
        Line::of(Role::Plain, "Point your webhook at "),
        Line::of(Role::Accent, format!("  {}", model.about.url)),
        Line::of(Role::Plain, "or press ")
            .with(Role::Accent, "t")
            .with(Role::Plain, " to send a sample."),
    ]
}
