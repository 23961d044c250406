//! What stands above the tabs, and what the app said below the payload.
//!
//! ```text
//! #127  email.opened  ✓ signed (cakemail-base64, `bounces`)
//! POST /webhooks/cakemail  copy of #41, marked  2026-11-24 10:32:07  1.2 kB
//!
//! App answered 200 in 12ms: OK
//! ```

use jiff::tz::TimeZone;

use super::glyphs::{Glyphs, role_of};
use crate::delivery::words::{self, between, size, took};
use crate::delivery::{Answer, Kept, Outcome, Verdict};
use crate::payload::body::as_text;
use crate::tui::text::{Line, Role};

/// The two lines above the tabs. Times are those of `zone`.
pub(in crate::tui) fn lines(kept: &Kept, zone: &TimeZone, glyphs: &Glyphs) -> Vec<Line> {
    let request = &kept.delivery.request;
    let (role, mark) = glyphs.verdict(&request.verdict);
    let verdict = brief(&request.verdict);
    let event = match request.event.as_deref() {
        Some(event) => Line::of(Role::Strong, format!("#{}", kept.delivery.id))
            .with(Role::Plain, "  ")
            .with(Role::Strong, event),
        None => {
            Line::of(Role::Strong, format!("#{}", kept.delivery.id)).with(Role::Dim, "  no event")
        }
    };
    let first = event
        .with(Role::Plain, "  ")
        .with(role, format!("{mark} {verdict}"));
    let at = request.received_at.to_zoned(zone.clone());
    let mut second = Line::of(
        Role::Plain,
        format!("{} {}", request.method, request.path_and_query),
    );
    // What is unusual stands where it is not cut off.
    let notes = notes(kept);
    if !notes.is_empty() {
        second = second.with(Role::Accent, format!("  {}", notes.join(", ")));
    }
    let time = at.strftime("%Y-%m-%d %H:%M:%S");
    let size = size(request.body.len() as u64);
    let second = second.with(Role::Dim, format!("  {size}  {time}"));
    vec![first, second]
}

/// The verdict as everywhere, but short enough for half of a terminal.
fn brief(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid { scheme, secret } => format!("signed ({scheme}, `{secret}`)"),
        other => words::verdict(other),
    }
}

fn notes(kept: &Kept) -> Vec<String> {
    let original = kept.delivery.request.original;
    let mut notes: Vec<String> = original
        .map(|id| format!("copy of #{id}"))
        .into_iter()
        .collect();
    if let Some(queued_at) = kept.delivery.request.queued_at() {
        let waited = between(queued_at, kept.delivery.request.received_at);
        notes.push(format!("waited {}", words::span(waited)));
    }
    match kept.replays() {
        0 => {}
        1 => notes.push("replayed once".into()),
        times => notes.push(format!("replayed {times} times")),
    }
    if kept.marked {
        notes.push("marked".into());
    }
    notes
}

/// What came of the newest attempt, in a line.
pub(in crate::tui) fn closing(kept: &Kept, glyphs: &Glyphs) -> Line {
    let Some(attempt) = kept.newest() else {
        return Line::of(Role::Dim, "No app has answered it.");
    };
    let took = took(attempt.took);
    match &attempt.outcome {
        Outcome::Answered(answer) => {
            let line = Line::of(Role::Plain, "App answered ")
                .with(role_of(answer.status), answer.status.to_string())
                .with(Role::Dim, format!(" in {took}"));
            let said = said(answer, glyphs);
            if said.is_empty() {
                line
            } else {
                line.with(Role::Dim, ": ").with(Role::Plain, said)
            }
        }
        Outcome::Failed(failure) => Line::of(Role::Bad, "No answer")
            .with(Role::Dim, format!(" in {took}: "))
            .with(Role::Plain, &failure.message),
    }
}

/// How long it waited at the relay, where it did, and when it came in there.
pub(in crate::tui) fn waited(kept: &Kept, zone: &TimeZone) -> Option<Line> {
    let request = &kept.delivery.request;
    let queued_at = request.queued_at()?;
    let span = words::span(between(queued_at, request.received_at));
    let at = queued_at.to_zoned(zone.clone());
    let at = at.strftime("%Y-%m-%d %H:%M:%S");
    let line = Line::of(Role::Accent, format!("Waited {span} at the relay"));
    Some(line.with(Role::Dim, format!(", where it came in at {at}.")))
}

/// The first line of what an app answered, or what its status means.
pub(super) fn said(answer: &Answer, glyphs: &Glyphs) -> String {
    // In characters.
    const LONGEST: usize = 80;
    let text = as_text(&answer.body).map(str::trim).unwrap_or_default();
    let Some(line) = text.lines().next() else {
        return reason(answer.status).to_owned();
    };
    let mut start: String = line.chars().take(LONGEST).collect();
    if start.len() < text.len() {
        start.push_str(glyphs.ellipsis);
    }
    start
}

/// What a status means, as RFC 9110 has it; empty for one that it has not.
pub(super) fn reason(status: u16) -> &'static str {
    let status = http::StatusCode::from_u16(status).ok();
    status
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::content::samples::{answered, failed, kept, plain, unsigned};

    fn shown(kept: &Kept) -> String {
        let mut lines = lines(kept, &TimeZone::UTC, &Glyphs::UNICODE);
        lines.push(Line::empty());
        lines.push(closing(kept, &Glyphs::UNICODE));
        plain(&lines)
    }

    #[test]
    fn it_says_what_came_and_what_came_of_it() {
        let mut all = vec![shown(&kept("email.opened", &[]))];
        let answers = [
            failed(1),
            answered(2, 200, "text/plain", "OK\nand more"),
            answered(3, 500, "text/html", ""),
        ];
        for n in 1..=answers.len() {
            all.push(shown(&kept("email.opened", &answers[..n])));
        }
        let mut copy = unsigned(b"a=1");
        copy.marked = true;
        std::sync::Arc::make_mut(&mut copy.delivery)
            .request
            .original = Some(41);
        all.push(shown(&copy));
        insta::assert_snapshot!("head", all.join("\n--\n"));
    }
}
