//! One delivery with all that came of it, as the detail pane shows it.
//!
//! ```text
//! #127  email.opened  ✓ signed (cakemail-base64, secret `bounces`)
//! POST /webhooks/cakemail  2026-11-24 10:32:07  1.2 kB  from 127.0.0.1:50312
//! ```

use std::io::{self, Write};

use super::body;
use crate::cakemail::diagnosis::{self, AppRefusal, Keys};
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::likely_claims;
use crate::commands::ink::{BOLD, CYAN, DIM, Ink, RED, YELLOW, shown, style_of, value};
use crate::commands::verify::findings;
use crate::delivery::words::{size, took};
use crate::delivery::{Answer, Attempt, Headers, Kept, Outcome, Verdict};

const INDENT: &str = "  ";
/// Of more attempts than that the newest are listed.
const MOST_ATTEMPTS: usize = 10;

/// Writes it; of its attempts the newest that are given, the last with its response. The
/// secrets that are known now help to say what is wrong with a signature, and what is known of
/// them what is wrong with the app.
///
/// # Errors
/// Those of `out`.
pub(super) fn write(
    out: &mut impl Write,
    ink: &Ink,
    kept: &Kept,
    attempts: &[&Attempt],
    (secrets, keys): (&[Secret], &Keys),
) -> io::Result<()> {
    head(out, ink, kept)?;
    signature(out, ink, kept, secrets)?;
    let request = &kept.delivery.request;
    section(out, ink, "Headers")?;
    headers(out, ink, &request.headers, INDENT)?;
    section(out, ink, "Payload")?;
    body::write(out, ink, &request.headers, &request.body, INDENT)?;
    if attempts.is_empty() {
        return Ok(());
    }
    section(out, ink, "Attempts")?;
    let earlier = attempts.len().saturating_sub(MOST_ATTEMPTS);
    if earlier > 0 {
        let ones = if earlier == 1 { "one" } else { "ones" };
        let more = format!("{earlier} earlier {ones}: --json has all, --attempt N shows any");
        writeln!(out, "{INDENT}{}", ink.paint(DIM, &more))?;
    }
    for attempt in &attempts[earlier..] {
        line(out, ink, attempt)?;
    }
    let Some(last) = attempts.last() else {
        return Ok(());
    };
    if let Outcome::Answered(answer) = &last.outcome {
        section(out, ink, &format!("Response (attempt {})", last.n))?;
        response(out, ink, last, answer, INDENT)?;
        refusal(out, ink, kept, answer, keys)?;
    }
    Ok(())
}

/// What can be said of an app's refusal.
fn refusal(
    out: &mut impl Write,
    ink: &Ink,
    kept: &Kept,
    answer: &Answer,
    keys: &Keys,
) -> io::Result<()> {
    let request = &kept.delivery.request;
    let refusal = diagnosis::why_refused(request, answer.into(), keys);
    let Some(AppRefusal { title, why }) = refusal else {
        return Ok(());
    };
    let why = why.map_or_else(|| vec![with_the_secret(kept)], |why| why.lines().collect());
    section(out, ink, title)?;
    for line in why {
        writeln!(out, "{INDENT}{}", ink.paint(YELLOW, &shown(&line)))?;
    }
    Ok(())
}

fn with_the_secret(kept: &Kept) -> String {
    let id = kept.delivery.id;
    format!("with the webhook's secret cmhook can say more: `cmhook verify {id} --secret S`")
}

fn head(out: &mut impl Write, ink: &Ink, kept: &Kept) -> io::Result<()> {
    let request = &kept.delivery.request;
    let event = shown(request.event.as_deref().unwrap_or("no event"));
    writeln!(
        out,
        "{}  {}  {}",
        ink.paint(BOLD, &format!("#{}", kept.delivery.id)),
        ink.paint(BOLD, &event),
        ink.verdict(&request.verdict),
    )?;
    if let Verdict::Invalid { reason } = &request.verdict {
        writeln!(out, "{INDENT}{}", ink.paint(RED, &shown(reason)))?;
    }
    writeln!(
        out,
        "{} {}  {}",
        shown(&request.method),
        shown(&request.path_and_query),
        ink.paint(
            DIM,
            &format!(
                "{}  {}  from {}",
                ink.time(request.received_at),
                size(request.body.len() as u64),
                shown(&request.peer)
            )
        ),
    )?;
    let mut more = Vec::new();
    more.extend(
        request
            .original
            .map(|id| format!("an edited copy of #{id}")),
    );
    more.extend(kept.marked.then(|| "marked".to_owned()));
    match kept.replays() {
        0 => {}
        1 => more.push("replayed once".to_owned()),
        times => more.push(format!("replayed {times} times")),
    }
    if !more.is_empty() {
        writeln!(out, "{}", ink.paint(DIM, &more.join(", ")))?;
    }
    Ok(())
}

/// Of a signature that did not verify: what the secrets that are known now say of it, or
/// how to name one.
fn signature(out: &mut impl Write, ink: &Ink, kept: &Kept, secrets: &[Secret]) -> io::Result<()> {
    let request = &kept.delivery.request;
    if !matches!(request.verdict, Verdict::Invalid { .. }) {
        return Ok(());
    }
    section(out, ink, "Signature")?;
    if secrets.is_empty() {
        return writeln!(out, "{INDENT}{}", ink.paint(YELLOW, &with_the_secret(kept)));
    }
    let diagnosis = diagnosis::diagnose(&diagnosis::Case {
        secrets,
        others: &[],
        claims: &likely_claims(&request.headers),
        headers: &request.headers,
        body: &request.body,
    });
    if let Verdict::Valid { secret, .. } = &diagnosis.verdict {
        let label = shown(secret);
        writeln!(
            out,
            "{INDENT}right for the secret `{label}`, which is known now"
        )?;
    }
    findings(out, ink, &diagnosis.verdict, &diagnosis.findings)
}

fn section(out: &mut impl Write, ink: &Ink, title: &str) -> io::Result<()> {
    writeln!(out, "\n{}", ink.paint(BOLD, title))
}

/// Header fields as a table.
///
/// # Errors
/// Those of `out`.
fn headers(out: &mut impl Write, ink: &Ink, headers: &Headers, indent: &str) -> io::Result<()> {
    const WIDEST: usize = 24;
    let width = headers.iter().map(|(name, _)| name.len()).max();
    let width = width.unwrap_or_default().min(WIDEST);
    for (name, bytes) in headers.iter() {
        let padding = " ".repeat(width.saturating_sub(name.len()));
        let name = shown(name);
        let text = value(bytes);
        writeln!(out, "{indent}{}{padding}  {text}", ink.paint(CYAN, &name))?;
    }
    if headers.is_empty() {
        writeln!(out, "{indent}{}", ink.paint(DIM, "(none)"))?;
    }
    Ok(())
}

/// `1  live    200  2026-11-24 10:32:07  http://localhost:3000/webhooks  12ms`, and why no
/// answer came where none did.
fn line(out: &mut impl Write, ink: &Ink, attempt: &Attempt) -> io::Result<()> {
    let outcome = match &attempt.outcome {
        Outcome::Answered(answer) => ink
            .paint(style_of(answer.status), &answer.status.to_string())
            .into_owned(),
        Outcome::Failed(_) => ink.paint(RED, "ERR").into_owned(),
    };
    writeln!(
        out,
        "{INDENT}{:>2}  {:<6}  {outcome}  {}  {}  {}",
        attempt.n,
        attempt.cause.name(),
        ink.paint(DIM, &ink.time(attempt.started_at)),
        shown(&attempt.target),
        ink.paint(DIM, &took(attempt.took)),
    )?;
    if let Outcome::Failed(failure) = &attempt.outcome {
        writeln!(
            out,
            "{INDENT}    {}",
            ink.paint(RED, &shown(&failure.message))
        )?;
        if !failure.hint.is_empty() {
            writeln!(out, "{INDENT}    {}", ink.paint(DIM, &shown(&failure.hint)))?;
        }
    }
    Ok(())
}

/// Status, headers and body of an answer.
///
/// # Errors
/// Those of `out`.
pub(super) fn response(
    out: &mut impl Write,
    ink: &Ink,
    attempt: &Attempt,
    answer: &Answer,
    indent: &str,
) -> io::Result<()> {
    let status = answer.status.to_string();
    let about = format!("in {}, {}", took(attempt.took), size(answer.size));
    writeln!(
        out,
        "{indent}{} {}",
        ink.paint(style_of(answer.status), &status),
        ink.paint(DIM, &about),
    )?;
    headers(out, ink, &answer.headers, indent)?;
    writeln!(out)?;
    body::write(out, ink, &answer.headers, &answer.body, indent)?;
    let kept = answer.body.len() as u64;
    if kept < answer.size {
        let why = format!(
            "(the first {} of {} were kept)",
            size(kept),
            size(answer.size)
        );
        writeln!(out, "{indent}{}", ink.paint(DIM, &why))?;
    }
    Ok(())
}
