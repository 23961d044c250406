//! Deliveries as rows of a table.

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};

use super::table::{Cell, Column};
use crate::delivery::words::took;
use crate::delivery::{Attempt, Kept, Outcome, Verdict};

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

/// A column: its heading, and whether only `--wide` has it.
const COLUMNS: [(Column, bool); 11] = [
    (column("ID", true, None, 0), false),
    (column("TIME", false, None, 2), false),
    (column("EVENT", false, Some(8), 0), false),
    // So much is `? unchecked`; only the label of a secret is longer.
    (column("SIGNATURE", false, Some(11), 0), false),
    (column("STATUS", false, None, 0), false),
    (column("TOOK", true, None, 1), false),
    (column("TRIES", true, None, 4), true),
    (column("REQUEST", false, Some(8), 5), true),
    (column("SIZE", true, None, 6), true),
    (column("TARGET", false, Some(8), 7), true),
    (column("NOTES", false, Some(5), 3), false),
];

const fn column(name: &'static str, right: bool, gives: Option<usize>, drops: u8) -> Column {
    Column {
        name,
        right,
        gives,
        drops,
    }
}

/// The columns for a terminal.
pub(super) fn columns(wide: bool) -> Vec<Column> {
    let wanted = COLUMNS.into_iter().filter(|(_, only)| wide || !only);
    wanted.map(|(column, _)| column).collect()
}

/// The row for a terminal. Times are shown in the zone of `now`.
pub(super) fn row(kept: &Kept, wide: bool, now: &Zoned) -> Vec<Cell> {
    let request = &kept.delivery.request;
    let newest = kept.newest();
    let name = request.event.as_deref().map_or_else(
        || Cell::styled(format!("{} {}", request.method, request.path()), DIM),
        |event| Cell::styled(event, BOLD),
    );
    let mut row = vec![
        Cell::new(kept.delivery.id.to_string()),
        Cell::styled(clock(request.received_at, now), DIM),
        name,
        verdict(&request.verdict, wide),
        newest.map_or_else(|| Cell::styled("-", DIM), status),
        Cell::styled(newest.map_or_else(String::new, |a| took(a.took)), DIM),
    ];
    if wide {
        row.extend([
            Cell::new(kept.attempts.len().to_string()),
            Cell::new(format!("{} {}", request.method, request.path_and_query)),
            Cell::new(size(request.body.len())),
            Cell::new(newest.map_or("", |attempt| &attempt.target)),
        ]);
    }
    row.push(Cell::styled(notes(kept).join(", "), YELLOW));
    row
}

/// The row for a pipe: the same columns with whole values, an empty one where there is none.
pub(super) fn values(kept: &Kept, wide: bool) -> Vec<Cell> {
    let request = &kept.delivery.request;
    let newest = kept.newest();
    let took = newest.map_or_else(String::new, |attempt| {
        format!("{:.3}", attempt.took.as_secs_f64() * 1000.0)
    });
    let mut row = vec![
        Cell::new(kept.delivery.id.to_string()),
        // As many digits for each, so that they sort as text.
        Cell::new(format!("{:.6}", request.received_at)),
        Cell::new(request.event.as_deref().unwrap_or_default()),
        verdict_word(&request.verdict, wide),
        newest.map_or_else(|| Cell::new(""), status),
        Cell::new(took),
    ];
    if wide {
        row.extend([
            Cell::new(kept.attempts.len().to_string()),
            Cell::new(format!("{} {}", request.method, request.path_and_query)),
            Cell::new(request.body.len().to_string()),
            Cell::new(newest.map_or("", |attempt| &attempt.target)),
        ]);
    }
    row.push(Cell::new(notes(kept).join(", ")));
    row
}

/// What a verdict looks like: its mark and its colour, as in the listener's lines.
const fn look(verdict: &Verdict) -> (&'static str, Style) {
    match verdict {
        Verdict::Valid { .. } => ("✓", GREEN),
        Verdict::Invalid { .. } => ("✗", RED),
        Verdict::Unsigned => ("·", DIM),
        Verdict::Unchecked => ("?", YELLOW),
    }
}

fn verdict(verdict: &Verdict, wide: bool) -> Cell {
    let (mark, style) = look(verdict);
    Cell::styled(format!("{mark} {}", said(verdict, wide)), style)
}

fn verdict_word(verdict: &Verdict, wide: bool) -> Cell {
    Cell::styled(said(verdict, wide), look(verdict).1)
}

/// `valid`, or `valid (cakemail-hex, main)` where there is room.
fn said(verdict: &Verdict, wide: bool) -> String {
    match verdict {
        Verdict::Valid { scheme, secret } if wide => format!("valid ({scheme}, {secret})"),
        other => other.status().to_owned(),
    }
}

/// The app's status, or why there is none.
fn status(attempt: &Attempt) -> Cell {
    match &attempt.outcome {
        Outcome::Answered(answer) => {
            let style = match answer.status {
                200..300 => GREEN,
                300..400 => YELLOW,
                _ => RED,
            };
            Cell::styled(answer.status.to_string(), style)
        }
        Outcome::Failed(failure) => Cell::styled(failure.code.name(), RED),
    }
}

fn notes(kept: &Kept) -> Vec<String> {
    let mut notes = Vec::new();
    if kept.marked {
        notes.push("marked".to_owned());
    }
    match kept.replays() {
        0 => {}
        1 => notes.push("replayed".to_owned()),
        times => notes.push(format!("replayed {times} times")),
    }
    if let Some(original) = kept.delivery.request.original {
        notes.push(format!("edited copy of #{original}"));
    }
    notes
}

/// The time of day today, with the day before that.
fn clock(at: Timestamp, now: &Zoned) -> String {
    let at = at.to_zoned(now.time_zone().clone());
    let form = if at.date() == now.date() {
        "%H:%M:%S"
    } else if at.year() == now.year() {
        "%b %d %H:%M"
    } else {
        "%Y-%m-%d"
    };
    at.strftime(form).to_string()
}

fn size(bytes: usize) -> String {
    bytesize::ByteSize::b(bytes as u64)
        .display()
        .si_short()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::table::{Table, write_tabbed};
    use crate::delivery::{
        Answer, Cause, Delivery, Failure, FailureCode, Headers, Received, Scheme,
    };
    use std::sync::Arc;
    use std::time::Duration;

    fn kept(id: u64, at: &str, event: Option<&str>, verdict: Verdict) -> Kept {
        Kept::new(Arc::new(Delivery {
            id,
            request: Received {
                received_at: at.parse().unwrap(),
                peer: "127.0.0.1:5".into(),
                method: "POST".into(),
                path_and_query: "/hook?a=1".into(),
                headers: Headers::default(),
                body: "x".repeat(1234).into(),
                event: event.map(Into::into),
                verdict,
                original: (id == 43).then_some(41),
                relayed: None,
            },
        }))
    }

    fn tried(mut kept: Kept, cause: Cause, took: f64, status: Option<u16>) -> Kept {
        let outcome = match status {
            Some(status) => Outcome::Answered(Answer {
                status,
                headers: Headers::default(),
                body: bytes::Bytes::new(),
                size: 0,
                first_byte: Duration::ZERO,
            }),
            None => Outcome::Failed(Failure {
                code: FailureCode::Refused,
                message: "".into(),
                hint: "".into(),
            }),
        };
        kept.attempts.push(Arc::new(Attempt {
            delivery: kept.delivery.id,
            n: 1,
            cause,
            target: "http://localhost:3000/hook?a=1".into(),
            started_at: Timestamp::UNIX_EPOCH,
            took: Duration::from_secs_f64(took),
            outcome,
        }));
        kept
    }

    fn some() -> Vec<Kept> {
        let valid = Verdict::Valid {
            scheme: Scheme::CakemailHex,
            secret: "main".into(),
        };
        let invalid = Verdict::Invalid {
            reason: "no".into(),
        };
        let (today, november) = ("2026-11-24T10:32:07.5Z", "2026-11-02T09:00:00Z");
        vec![
            tried(
                kept(
                    9,
                    "2025-12-31T10:00:00Z",
                    Some("email.opened"),
                    valid.clone(),
                ),
                Cause::Live,
                0.012,
                Some(200),
            ),
            tried(kept(40, november, None, invalid), Cause::Live, 0.0004, None),
            tried(
                tried(
                    kept(41, today, Some("a\tb\u{202e}"), Verdict::Unsigned),
                    Cause::Replay,
                    0.2,
                    Some(500),
                ),
                Cause::Replay,
                12.34,
                Some(301),
            ),
            Kept {
                marked: true,
                repeats: 0,
                ..kept(43, today, Some("campaign.sent"), Verdict::Unchecked)
            },
        ]
    }

    fn table(wide: bool, limit: usize, colour: bool) -> String {
        let now: Zoned = "2026-11-24T12:00:00+01:00[Europe/Paris]".parse().unwrap();
        let rows: Vec<_> = some().iter().map(|kept| row(kept, wide, &now)).collect();
        let mut table = Table::new(columns(wide), limit, colour);
        table.fit(&rows);
        let mut out = Vec::new();
        table.head(&mut out).unwrap();
        for row in &rows {
            table.row(&mut out, row).unwrap();
        }
        String::from_utf8(out).unwrap().replace('\x1b', "^")
    }

    #[test]
    fn what_is_wide_takes_no_room_from_the_status() {
        for limit in 1..160 {
            let has = |text: &str, name: &str| text.lines().next().unwrap().contains(name);
            let (plain, wide) = (table(false, limit, false), table(true, limit, false));
            for name in ["EVENT", "SIGNATURE", "STATUS", "TOOK"] {
                assert!(has(&wide, name) || !has(&plain, name), "{limit}: {name}");
            }
            assert!(limit < 30 || has(&plain, "STATUS"), "{limit}: {plain}");
            assert!(limit < 60 || has(&wide, "TOOK"), "{limit}: {wide}");
        }
    }

    #[test]
    fn rows_are_as_they_were_reviewed() {
        insta::assert_snapshot!("table", table(false, 120, false));
        insta::assert_snapshot!("table_colours", table(false, 120, true));
        insta::assert_snapshot!("table_narrow", table(false, 64, false));
        insta::assert_snapshot!("table_very_narrow", table(false, 30, false));
        insta::assert_snapshot!("table_wide", table(true, 160, false));
        insta::assert_snapshot!("table_wide_narrow", table(true, 100, false));
        let mut out = Vec::new();
        for kept in some() {
            write_tabbed(&mut out, &values(&kept, true), false).unwrap();
        }
        let piped = String::from_utf8(out).unwrap().replace('\t', " | ");
        insta::assert_snapshot!("values", piped);
    }
}
