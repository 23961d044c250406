//! All attempts in a line each, with the difference to the one before.
//!
//! ```text
//! 1  10:32:07  live    500    210ms  http://localhost:3000/webhooks/cakemail
//! 2  10:33:10  replay  refused  1ms  500 → refused
//! 3  10:34:02  replay  200     12ms  refused → 200, body changed (2 values)
//!      ~ ok  false → true
//! ```

use std::time::Duration;

use jiff::tz::TimeZone;

use super::glyphs::{Glyphs, role_of};
use super::{changes, counted, remark, sentence};
use crate::compare::{BodyChange, ResponseChange, Rules};
use crate::delivery::words::took;
use crate::delivery::{Attempt, Kept, Outcome};
use crate::tui::text::{Line, Role, Tag};

/// Bytes of bodies that are compared for one timeline. Of the rest it is said only that
/// they differ.
const MAX_COMPARED: usize = 2 << 20;
/// Changes that are listed below the selected attempt.
const MAX_CHANGES: usize = 50;
/// Somebody waits for it with a key pressed.
const PATIENCE: Duration = Duration::from_millis(20);
/// One that took so many times longer than the one before is worth a word...
const MUCH: u32 = 3;
/// ...where that is felt.
const FELT: Duration = Duration::from_millis(50);

/// The timeline; below the selected attempt stands what there is to say of it.
pub(in crate::tui) fn lines(
    kept: &Kept,
    zone: &TimeZone,
    selected: Option<u32>,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let Some(last) = kept.newest() else {
        return vec![Line::of(
            Role::Strong,
            "No attempts: no app has answered it.",
        )];
    };
    let columns = Columns {
        time: time_format(kept, zone),
        number: last.n.to_string().len(),
        word: kept
            .attempts
            .iter()
            .map(|one| word(one).1.len())
            .max()
            .unwrap_or_default(),
        zone,
    };
    let mut lines = Vec::new();
    let mut left = MAX_COMPARED;
    let mut before: Option<&Attempt> = None;
    for attempt in &kept.attempts {
        let change = before.map(|before| Change::of(before, attempt, &mut left));
        let line = columns.line(attempt).tagged(Tag::Attempt(attempt.n));
        lines.push(match (before, &change) {
            (Some(before), Some(change)) => change.told(line, before, attempt, glyphs),
            _ => line.with(Role::Dim, &attempt.target),
        });
        if selected == Some(attempt.n) {
            lines.extend(below(attempt, change.as_ref(), glyphs));
        }
        before = Some(attempt);
    }
    lines
}

/// How wide each column is, and how times are written.
struct Columns<'a> {
    time: &'static str,
    number: usize,
    word: usize,
    zone: &'a TimeZone,
}

impl Columns<'_> {
    fn line(&self, attempt: &Attempt) -> Line {
        let at = attempt.started_at.to_zoned(self.zone.clone());
        let (role, word) = word(attempt);
        let number = format!("{:>width$}", attempt.n, width = self.number);
        Line::of(Role::Strong, number)
            .with(Role::Dim, format!("  {}  ", at.strftime(self.time)))
            .with(Role::Plain, format!("{:<6}  ", attempt.cause.name()))
            .with(role, format!("{word:<width$}", width = self.word))
            .with(Role::Dim, format!("  {:>6}  ", took(attempt.took)))
    }
}

/// With the day, where they are of several.
fn time_format(kept: &Kept, zone: &TimeZone) -> &'static str {
    let day = |attempt: &Attempt| attempt.started_at.to_zoned(zone.clone()).date();
    let mut days = kept.attempts.iter().map(|attempt| day(attempt));
    let first = days.next();
    if days.all(|day| Some(day) == first) {
        "%H:%M:%S"
    } else {
        "%Y-%m-%d %H:%M:%S"
    }
}

/// Its status, or why there is none.
fn word(attempt: &Attempt) -> (Role, String) {
    match &attempt.outcome {
        Outcome::Answered(answer) => (role_of(answer.status), answer.status.to_string()),
        Outcome::Failed(failure) => (Role::Bad, failure.code.name().to_owned()),
    }
}

/// The difference to the attempt before.
enum Change {
    /// All that differs.
    Whole(ResponseChange),
    /// The bodies differ, and are not compared any more.
    Body,
}

impl Change {
    fn of(before: &Attempt, attempt: &Attempt, left: &mut usize) -> Self {
        let body = |attempt: &Attempt| match &attempt.outcome {
            Outcome::Answered(answer) => answer.body.clone(),
            Outcome::Failed(_) => bytes::Bytes::new(),
        };
        let (old, new) = (body(before), body(attempt));
        if old != new {
            match left.checked_sub(old.len() + new.len()) {
                Some(rest) => *left = rest,
                None => return Self::Body,
            }
        }
        let rules = Rules {
            ignore: &[],
            patience: PATIENCE,
        };
        Self::Whole(ResponseChange::of(Some(before), Some(attempt), &rules))
    }

    /// The difference in words at the end of a line.
    fn told(&self, line: Line, before: &Attempt, attempt: &Attempt, glyphs: &Glyphs) -> Line {
        let (old, new) = (word(before), word(attempt));
        let mut told: Vec<(Role, String)> = Vec::new();
        if old != new {
            told.push((new.0, format!("{} {} {}", old.1, glyphs.arrow, new.1)));
        }
        // Beside a failure there is nothing to compare.
        if before.status().is_some() && attempt.status().is_some() {
            told.extend(self.body().map(|words| (Role::Plain, words)));
            if let Self::Whole(change) = self
                && !change.headers.is_empty()
            {
                let count = counted(change.headers.len(), "header", "headers");
                told.push((Role::Plain, format!("{count} changed")));
            }
        }
        if told.is_empty() {
            let same = if attempt.status().is_some() {
                "same answer"
            } else {
                "same failure"
            };
            told.push((Role::Dim, same.into()));
        }
        told.extend(pace(before, attempt, glyphs).map(|words| (Role::Warn, words)));
        if before.target != attempt.target {
            told.push((Role::Plain, format!("to {}", attempt.target)));
        }
        let mut line = line;
        for (at, (role, words)) in told.into_iter().enumerate() {
            if at > 0 {
                line = line.with(Role::Dim, ", ");
            }
            line = line.with(role, words);
        }
        line
    }

    fn body(&self) -> Option<String> {
        let Self::Whole(change) = self else {
            return Some("body changed".into());
        };
        match &change.body {
            BodyChange::Same => None,
            BodyChange::Spelling(_) => Some("body spelt otherwise".into()),
            BodyChange::Json { changes, truncated } => {
                let more = if *truncated { "over " } else { "" };
                let count = counted(changes.len(), "value", "values");
                Some(format!("body changed ({more}{count})"))
            }
            BodyChange::Text(lines) => {
                let count = lines
                    .iter()
                    .filter(|line| matches!(line.sign, '+' | '-'))
                    .count();
                let count = counted(count, "line", "lines");
                Some(format!("body changed ({count})"))
            }
            BodyChange::Bytes { .. } => Some("body changed".into()),
        }
    }
}

/// `slower ×8` and the like.
fn pace(before: &Attempt, attempt: &Attempt, glyphs: &Glyphs) -> Option<String> {
    let (old, new) = (before.took, attempt.took);
    let (word, short, long) = if new > old {
        ("slower", old, new)
    } else {
        ("faster", new, old)
    };
    let times = long.as_nanos() / short.as_nanos().max(1);
    let much = times >= u128::from(MUCH) && long.saturating_sub(short) >= FELT;
    much.then(|| format!("{word} {}{}", glyphs.times, times.min(999)))
}

/// What stands below the selected attempt.
fn below(attempt: &Attempt, change: Option<&Change>, glyphs: &Glyphs) -> Vec<Line> {
    let mut lines = Vec::new();
    if let Outcome::Failed(failure) = &attempt.outcome {
        lines.push(Line::of(Role::Plain, sentence(&failure.message)));
        if !failure.hint.is_empty() {
            lines.push(Line::of(Role::Accent, sentence(&failure.hint)));
        }
    } else {
        match change {
            Some(Change::Whole(change)) => {
                lines.extend(changes::headers(&change.headers, glyphs));
                lines.extend(changes::body(&change.body, MAX_CHANGES, glyphs));
            }
            Some(Change::Body) => {
                lines.push(remark(
                    "  (too much to compare: `cmhook diff` tells what changed)",
                ));
            }
            None => {}
        }
    }
    let indented = |line: Line| {
        let start = Line::of(Role::Plain, "     ");
        Line {
            pieces: start.pieces.into_iter().chain(line.pieces).collect(),
            tag: None,
        }
    };
    lines.into_iter().map(indented).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::content::samples::{answered, failed, kept, plain};

    fn shown(attempts: &[Attempt], selected: Option<u32>) -> String {
        let kept = kept("email.opened", attempts);
        plain(&lines(&kept, &TimeZone::UTC, selected, &Glyphs::UNICODE))
    }

    #[test]
    fn each_says_how_it_differs_from_the_one_before() {
        let json = "application/json";
        let mut attempts = vec![
            answered(1, 500, json, r#"{"ok":false,"at":1}"#),
            answered(2, 500, json, r#"{"ok":false,"at":1}"#),
            answered(3, 200, json, r#"{"ok":true,"at":2}"#),
            failed(4),
            failed(5),
            answered(6, 200, json, r#"{"ok": true,"at":2}"#),
            answered(7, 200, json, r#"{"ok":true,"at":2}"#),
            answered(8, 200, "text/plain", "one\ntwo"),
            answered(9, 200, "text/plain", "one\n2"),
            answered(10, 200, "text/plain", "one\n2"),
        ];
        attempts[8].took = Duration::from_millis(400);
        attempts[9].target = "http://localhost:8000/hook".into();
        let mut all = vec![shown(&[], None), shown(&attempts, None)];
        all.extend([3, 4, 8].map(|n| shown(&attempts, Some(n))));
        attempts[9].started_at += Duration::from_hours(24);
        all.push(shown(&attempts[8..], None));
        insta::assert_snapshot!("attempts", all.join("\n----\n"));
    }

    #[test]
    fn many_large_answers_are_compared_for_a_bounded_time() {
        let body = |n: u32| format!("[{n}{}]", ",1".repeat(200_000));
        let attempts: Vec<_> = (1..=40).map(|n| answered(n, 200, "", &body(n))).collect();
        let shown = shown(&attempts, Some(40));
        assert!(shown.contains("body changed (1 value)"), "{shown}");
        assert!(shown.ends_with("(too much to compare: `cmhook diff` tells what changed)"));
    }
}
