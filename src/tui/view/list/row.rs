//! A row of the list, and its columns.

use jiff::Timestamp;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use crate::delivery::words::took;
use crate::tui::content::glyphs::{Glyphs, role_of};
use crate::tui::list::{Ending, Mark, Row};
use crate::tui::model::Model;
use crate::tui::text::{Line, Role};

/// The event's name has so many columns before the durations go.
const NAME: usize = 16;
/// And so many before the time goes.
const SHORT: usize = 8;

/// Which columns there are and how wide.
pub(super) struct Columns {
    id: usize,
    time: bool,
    name: usize,
    took: bool,
    replays: bool,
}

impl Columns {
    /// Those that a row of so many columns has room for.
    pub(super) fn of(width: usize, model: &Model) -> Self {
        let rows = model.list.visible().map(|(row, _)| row);
        let id = rows.map(|row| digits(row.id)).max().unwrap_or(1).max(3);
        // Bar, id, verdict's mark, status, with what stands between them.
        let fixed = 1 + id + 2 + 1 + 1 + 1 + 4;
        let mut name = width.saturating_sub(fixed);
        let time = name >= SHORT + 10;
        name -= if time { 10 } else { 0 };
        // Columns do not come and go with the rows: nothing moves unless something happens.
        let mut room_for = |columns: usize| {
            let fits = name >= NAME + columns;
            name -= if fits { columns } else { 0 };
            fits
        };
        let took = room_for(8);
        let replays = room_for(4);
        Self {
            id,
            time,
            name,
            took,
            replays,
        }
    }

    /// Their names.
    pub(super) fn names(&self, ago: bool) -> Line {
        let mut text = format!(" {:>id$}  ", "#", id = self.id);
        if self.time {
            text.push_str(if ago { "ago       " } else { "time      " });
        }
        text.push_str(&fitted("event", self.name, ""));
        text.push_str("    app");
        if self.took {
            text.push_str("    took");
        }
        Line::of(Role::Dim, text)
    }
}

/// How a row looks besides what it says.
pub(super) struct Look<'a> {
    pub(super) selected: bool,
    pub(super) focused: bool,
    pub(super) glyphs: &'a Glyphs,
    pub(super) unicode: bool,
}

/// The row.
pub(super) fn line(row: &Row, look: &Look<'_>, columns: &Columns, model: &Model) -> Line {
    let glyphs = look.glyphs;
    let bar = if look.selected { glyphs.bar } else { " " };
    let bar_role = if look.focused {
        Role::Accent
    } else {
        Role::Dim
    };
    let star = match (row.marked, look.unicode) {
        (false, _) => " ",
        (true, true) => "★",
        (true, false) => "*",
    };
    let waited = if row.waited { glyphs.waited } else { " " };
    // The sign stands behind the time, or where that would begin.
    let (before, time) = match (columns.time, model.ago) {
        (false, _) => (waited, String::new()),
        (true, true) => (" ", format!("{:<8}{waited} ", ago(row.at, model.now))),
        (true, false) => {
            let local = row.at.to_zoned(model.about.zone.clone());
            (" ", format!("{}{waited} ", local.strftime("%H:%M:%S")))
        }
    };
    let (mark, mark_role) = match row.mark {
        Mark::Valid => (glyphs.good, Role::Good),
        Mark::Invalid => (glyphs.bad, Role::Bad),
        Mark::Unsigned => (glyphs.none, Role::Dim),
        Mark::Unchecked => (glyphs.unknown, Role::Warn),
    };
    let cut = if look.unicode { glyphs.ellipsis } else { "~" };
    let (status, status_role) = status(row.ending, cut, if look.unicode { "–" } else { "-" });
    let mut line = Line::of(bar_role, bar)
        .with(Role::Dim, format!("{:>width$}", row.id, width = columns.id))
        .with(Role::Accent, format!("{star}{before}"))
        .with(Role::Dim, time)
        .with(Role::Plain, fitted(&row.name, columns.name, cut))
        .with(mark_role, format!(" {mark} "))
        .with(status_role, format!("{status:>4}"));
    if columns.took {
        let took = row.took.map_or(String::new(), took);
        line = line.with(Role::Dim, format!("  {took:>6}"));
    }
    if columns.replays && row.replays > 0 {
        let replays = format!("{}{}", glyphs.again, row.replays.min(99));
        line = line.with(Role::Accent, format!(" {replays:>3}"));
    }
    line
}

fn status(ending: Ending, waiting: &str, none: &str) -> (String, Role) {
    match ending {
        Ending::Open => (waiting.into(), Role::Dim),
        Ending::Past => (none.into(), Role::Dim),
        Ending::Answered(status) => (status.to_string(), role_of(status)),
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

/// The text in exactly so many columns, cut with a mark or filled up.
fn fitted(text: &str, columns: usize, mark: &str) -> String {
    let width = text.width();
    if width <= columns {
        return format!("{text}{}", " ".repeat(columns - width));
    }
    let mut cut = String::new();
    let mut taken = 0;
    for grapheme in text.graphemes(true) {
        if taken + grapheme.width() + mark.width() > columns {
            break;
        }
        taken += grapheme.width();
        cut.push_str(grapheme);
    }
    if taken < columns {
        cut.push_str(mark);
        taken += mark.width();
    }
    cut.push_str(&" ".repeat(columns.saturating_sub(taken)));
    cut
}

fn digits(id: u64) -> usize {
    id.to_string().len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_cut_between_letters_that_are_whole() {
        for (text, columns, fits) in [
            ("email.sent", 12, "email.sent  "),
            ("email.unsubscribed", 10, "email.uns…"),
            ("日本語", 5, "日本…"),
            ("日本語", 4, "日… "),
            ("ab", 1, "…"),
            ("ab", 0, ""),
        ] {
            assert_eq!(fitted(text, columns, "…"), fits);
        }
    }

    #[test]
    fn times_are_told_in_one_unit() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (seconds, told) in [
            (-1, "0s"),
            (59, "59s"),
            (60, "1m"),
            (7200, "2h"),
            (200_000, "2d"),
        ] {
            assert_eq!(ago(at(0), at(seconds)), told);
        }
    }

    proptest! {
        #[test]
        fn columns_stay_aligned(text in "[a-zé日e\u{301}א ]{0,40}", columns in 0..30_usize) {
            prop_assert_eq!(fitted(&text, columns, "…").width(), columns);
        }
    }
}
