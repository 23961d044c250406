//! The header.
//!
//! ```text
//!  cmhook  http://127.0.0.1:4400/ → localhost:3000 ●   ▁▁▂▅▂▁▁▃█▂  128 in · 3 failed · 1 invalid · 2 secrets
//!  cmhook  https://shop.hooks.example.com ● 23 ms → localhost:3000 ●     128 in · 2 secrets
//!  ✗ localhost:3000 is down since 10:31:58: connection refused; is the app running?
//! ```

use jiff::Timestamp;
use ratatui::layout::Rect;

use super::paint::Canvas;
use crate::delivery::{Phase, words};
use crate::tui::model::{Model, Notice};
use crate::tui::status::Reach;
use crate::tui::text::{Line, Role};

/// Columns of the sparkline, where there is room.
const SPARK: usize = 20;
const LEVELS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ASCII_LEVELS: [&str; 8] = ["_", ".", ".", "-", "-", "=", "=", "#"];

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
    let (left, right) = fitting(canvas, model, usize::from(inner.width));
    let taken = canvas.line(inner, 0, &left);
    let rest = Rect {
        x: inner.x + taken,
        width: inner.width.saturating_sub(taken),
        ..inner
    };
    if usize::from(rest.width) > right.width() {
        canvas.line_at_end(rest, 0, &right);
    }
    if let Some(notice) = model.notice() {
        let line = told(notice, model, canvas.unicode);
        canvas.line(inner, 1, &line);
    }
}

/// As much as there is room for; what can be done without best goes first.
fn fitting(canvas: &Canvas<'_>, model: &Model, room: usize) -> (Line, Line) {
    let place = |urls: &[&str]| place(model, canvas.unicode, urls, Tell::All);
    let (local, public) = (&*model.about.url, model.status.public_url());
    let both = public.map_or_else(|| place(&[local]), |public| place(&[public, local]));
    let (whole, short) = (place(&[public.unwrap_or(local)]), place(&[]));
    let brief = self::place(model, canvas.unicode, &[], Tell::Sign);
    let few = counts(model, false, canvas.unicode);
    let all = registered(model, counts(model, true, canvas.unicode), canvas.unicode);
    let counts = counts(model, true, canvas.unicode);
    let spark = |columns| spark(model, canvas.unicode, columns);
    let ways = [
        (&both, join(&spark(SPARK), &all)),
        (&whole, join(&spark(SPARK), &all)),
        (&whole, join(&spark(SPARK / 2), &all)),
        (&whole, all),
        (&whole, counts.clone()),
        (&short, counts),
        (&short, few.clone()),
        (&brief, few.clone()),
    ];
    let fits = |(left, right): &(&Line, Line)| left.width() + right.width() + 2 <= room;
    let way = ways.into_iter().find(fits);
    way.map_or_else(
        || (begun(model, canvas.unicode, &[], Tell::Sign), few),
        |(left, right)| (left.clone(), right),
    )
}

fn join(left: &Line, right: &Line) -> Line {
    let mut line = left.clone().with(Role::Plain, "  ");
    line.pieces.extend(right.pieces.iter().cloned());
    line
}

/// How much is told of the tunnel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    All,
    Sign,
}

/// Where deliveries arrive, at these URLs. The tunnel's mark stands behind the first.
fn begun(model: &Model, unicode: bool, urls: &[&str], tell: Tell) -> Line {
    let mut line = Line::of(Role::Strong, "cmhook");
    if let Some(url) = urls.first() {
        line = line.with(Role::Plain, "  ").with(Role::Plain, url);
    }
    if let Some(tunnel) = &model.status.tunnel {
        let (role, mark) = mark(&tunnel.phase, unicode);
        let sign = mark.split(' ').next().unwrap_or_default();
        let told = if tell == Tell::All { &*mark } else { sign };
        line = line.with(role, format!(" {told}"));
    }
    for url in urls.iter().skip(1) {
        line = line.with(Role::Dim, "  ").with(Role::Dim, url);
    }
    line
}

/// The same, and where they go.
fn place(model: &Model, unicode: bool, urls: &[&str], tell: Tell) -> Line {
    let status = &model.status;
    let mut line = begun(model, unicode, urls, tell);
    line = line.with(Role::Dim, if unicode { " → " } else { " -> " });
    match (status.answers, status.targets.split_first()) {
        (Some(own), _) => line.with(Role::Plain, format!("answers {own}")),
        (None, None) => line.with(Role::Dim, "kept only, answers 200"),
        (None, Some((first, others))) => {
            let first = first.trim_start_matches("http://").trim_end_matches('/');
            line = line.with(Role::Plain, first);
            if !others.is_empty() {
                line = line.with(Role::Dim, format!(" +{}", others.len()));
            }
            if status.paused {
                return line.with(Role::Warn, " paused");
            }
            match status.reach {
                Reach::Unknown => line.with(Role::Dim, if unicode { " ○" } else { " ?" }),
                Reach::Up => line.with(Role::Good, if unicode { " ●" } else { " up" }),
                Reach::Down { .. } => {
                    line.with(Role::Bad, if unicode { " ✗ down" } else { " down" })
                }
            }
        }
    }
}

/// How a tunnel is doing: `● 23 ms`.
fn mark(phase: &Phase, unicode: bool) -> (Role, String) {
    let sign = |sign, ascii| if unicode { sign } else { ascii };
    match phase {
        Phase::Connecting => (Role::Dim, sign("○", "?").into()),
        Phase::Online { round_trip, .. } => {
            let text = match round_trip.map(|time| time.as_millis()) {
                None => sign("●", "up").to_owned(),
                Some(0) => format!("{} <1 ms", sign("●", "up")),
                Some(ms) => format!("{} {ms} ms", sign("●", "up")),
            };
            (Role::Good, text)
        }
        Phase::Reconnecting { .. } => (Role::Bad, sign("✗ lost", "lost").into()),
        Phase::Refused { .. } => (Role::Bad, sign("✗ refused", "refused").into()),
    }
}

/// What has come in and gone wrong, and with `secrets` how many of those are known.
fn counts(model: &Model, secrets: bool, unicode: bool) -> Line {
    let between = if unicode { " · " } else { ", " };
    let counts = &model.status.counts;
    let failing = model.list.failing(model.since);
    let mut line = Line::of(Role::Plain, format!("{} in", counts.received));
    for (count, word, role) in [
        (failing as u64, "failed", Role::Bad),
        (counts.invalid, "invalid", Role::Bad),
        (counts.refused, "refused", Role::Warn),
        (counts.unsaved, "unsaved", Role::Bad),
    ] {
        if count > 0 {
            line = line
                .with(Role::Dim, between)
                .with(role, format!("{count} {word}"));
        }
    }
    if !secrets {
        return line;
    }
    let (role, secrets) = match model.status.secrets.len() {
        0 => (Role::Warn, "no secret".to_owned()),
        1 => (Role::Dim, "1 secret".to_owned()),
        many => (Role::Dim, format!("{many} secrets")),
    };
    line.with(Role::Dim, between).with(role, secrets)
}

/// The counts, and of how many events Cakemail is to tell.
fn registered(model: &Model, counts: Line, unicode: bool) -> Line {
    let text = match model.status.registered.len() {
        0 => return counts,
        1 => "1 event registered".to_owned(),
        many => format!("{many} events registered"),
    };
    let between = if unicode { " · " } else { ", " };
    counts.with(Role::Dim, between).with(Role::Good, text)
}

/// Deliveries of the last minute in so many columns.
fn spark(model: &Model, unicode: bool, columns: usize) -> Line {
    let seconds: Vec<u64> = model.beat.counts().collect();
    let each = seconds.len().div_ceil(columns).max(1);
    let columns: Vec<u64> = seconds.chunks(each).map(|part| part.iter().sum()).collect();
    let most = columns.iter().copied().max().unwrap_or(0).max(1);
    let levels = if unicode { LEVELS } else { ASCII_LEVELS };
    let mut text = String::new();
    for count in columns {
        // None is the lowest; the most is the highest.
        let level = (count * 7).div_ceil(most);
        let level = usize::try_from(level).unwrap_or(7).min(7);
        text.push_str(levels[level]);
    }
    Line::of(Role::Dim, text)
}

/// What has to be said, in words.
fn told(notice: Notice<'_>, model: &Model, unicode: bool) -> Line {
    let (cross, dot) = if unicode {
        ("✗ ", "! ")
    } else {
        ("x ", "! ")
    };
    match notice {
        Notice::Failing => Line::of(Role::Bad, cross).with(
            Role::Bad,
            "the store cannot be written: senders are told 503 until it works again (! says why)",
        ),
        Notice::Paused => Line::of(Role::Warn, dot).with(
            Role::Warn,
            "forwarding is paused: deliveries are kept and answered 503, p goes on",
        ),
        Notice::Tunnel(tunnel) => {
            let (role, sign) = match &tunnel.phase {
                Phase::Refused { .. } => (Role::Bad, cross),
                Phase::Reconnecting { .. } => (Role::Warn, dot),
                Phase::Connecting | Phase::Online { .. } => (Role::Dim, ""),
            };
            let text = words::tunnel(tunnel, model.now);
            let line = Line::of(role, sign).with(role, format!("tunnel: {text}"));
            match tunnel.phase.trouble() {
                Some((_, hint)) if !hint.is_empty() => line.with(Role::Dim, format!("; {hint}")),
                _ => line,
            }
        }
        Notice::Down {
            since,
            message,
            hint,
        } => {
            let mut line = Line::of(Role::Bad, cross)
                .with(Role::Bad, message)
                .with(Role::Dim, format!(", since {}", time(model, since)));
            if !hint.is_empty() {
                line = line.with(Role::Dim, format!("; {hint}"));
            }
            line
        }
        Notice::Warning(warning) => {
            let line = Line::of(Role::Warn, dot).with(Role::Warn, &warning.message);
            if warning.hint.is_empty() {
                line
            } else {
                line.with(Role::Dim, format!("; {}", warning.hint))
            }
        }
        Notice::Evicted(count) => Line::of(
            Role::Dim,
            format!(
                "the oldest {count} made room for newer ones; --keep and --keep-bytes keep more"
            ),
        ),
        Notice::Note(note) => Line::of(Role::Dim, note),
    }
}

fn time(model: &Model, at: Timestamp) -> String {
    let local = at.to_zoned(model.about.zone.clone());
    local.strftime("%H:%M:%S").to_string()
}
