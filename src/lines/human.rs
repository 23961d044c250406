//! Lines for people, in the habit of the Stripe CLI.
//!
//! ```text
//! 2026-11-24 10:32:07  --> email.opened  #42  ✓ signed (cakemail-hex)
//! 2026-11-24 10:32:07  <-- 200 POST http://localhost:3000/webhooks/cakemail  #42  12ms
//! ```

use std::io::{self, Write};
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::cakemail::diagnosis::{self, AppRefusal, Keys};
use crate::delivery::words::{self, took};
use crate::delivery::{
    Answer, Answerer, Attempt, Counts, Delivery, Outcome, OwnAnswer, Phase, Refusal, Registration,
    Tunnel, Verdict, Warning, escape_for_terminal,
};

pub(super) const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// Names are padded to the longest so far, up to this many columns.
const NAME_COLUMNS: usize = 24;

/// Text from a stranger that is longer than this is cut on screen.
const MAX_TEXT: usize = 500;

/// The state of the lines: colours, and the width of their first column.
#[derive(Debug)]
pub(super) struct Human {
    colour: bool,
    name_secrets: bool,
    zone: TimeZone,
    name_width: usize,
    // What was last said of how an app is to be changed, and at which delivery.
    cures: Option<(u64, Vec<String>)>,
}

/// A stranger's text, neutralised and cut.
pub(super) fn shown(text: &str) -> String {
    let escaped = escape_for_terminal(text);
    if escaped.chars().count() <= MAX_TEXT {
        return escaped.into_owned();
    }
    escaped.chars().take(MAX_TEXT).chain(['…']).collect()
}

impl Human {
    /// Lines with or without colour. Which secret matched is worth saying where there
    /// are several.
    pub(super) fn new(colour: bool, name_secrets: bool) -> Self {
        Self {
            colour,
            name_secrets,
            zone: TimeZone::system(),
            name_width: 18,
            cures: None,
        }
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.colour {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn time(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        self.paint(DIM, &local.strftime("%Y-%m-%d %H:%M:%S").to_string())
    }

    /// `--> email.opened  #42  ✓ signed (cakemail-hex)`
    pub(super) fn delivery(&mut self, out: &mut impl Write, delivery: &Delivery) -> io::Result<()> {
        let request = &delivery.request;
        let name = request.event.as_deref().map_or_else(
            || shown(&format!("{} {}", request.method, request.path())),
            shown,
        );
        let columns = name.chars().count();
        self.name_width = self.name_width.max(columns.min(NAME_COLUMNS));
        let padding = " ".repeat(self.name_width.saturating_sub(columns));
        writeln!(
            out,
            "{}  --> {}{padding}  {}  {}",
            self.time(request.received_at),
            self.paint(BOLD, &name),
            self.paint(DIM, &format!("#{}", delivery.id)),
            self.verdict(&request.verdict),
        )
    }

    /// `✓ signed (cakemail-hex)`
    fn verdict(&self, verdict: &Verdict) -> String {
        match verdict {
            Verdict::Valid { scheme, .. } if !self.name_secrets => {
                self.paint(GREEN, &format!("✓ signed ({scheme})"))
            }
            Verdict::Valid { scheme, secret } => self.paint(
                GREEN,
                &format!("✓ signed ({scheme}, secret `{}`)", shown(secret)),
            ),
            Verdict::Invalid { reason } => {
                self.paint(RED, &format!("✗ invalid signature: {}", shown(reason)))
            }
            Verdict::Unsigned => self.paint(DIM, "· unsigned"),
            Verdict::Unchecked => self.paint(
                YELLOW,
                "? signed, but no secret is known to check it with (--secret)",
            ),
        }
    }

    /// `<-- 200 POST http://localhost:3000/webhooks/cakemail  #42  12ms`, and what to do
    /// where it failed or the app refused a right signature.
    pub(super) fn attempt(
        &mut self,
        out: &mut impl Write,
        attempt: &Attempt,
        delivery: Option<&Delivery>,
        webhooks: &[Arc<Registration>],
    ) -> io::Result<()> {
        let status = match &attempt.outcome {
            Outcome::Answered(answer) => {
                let style = match answer.status {
                    200..300 => GREEN,
                    300..400 => YELLOW,
                    _ => RED,
                };
                self.paint(style, &answer.status.to_string())
            }
            Outcome::Failed(_) => self.paint(RED, "ERR"),
        };
        let method = delivery.map_or_else(|| "-".to_owned(), |d| shown(&d.request.method));
        let ended = attempt
            .started_at
            .checked_add(attempt.took)
            .unwrap_or(attempt.started_at);
        writeln!(
            out,
            "{}  <-- {status} {method} {}  {}  {}",
            self.time(ended),
            shown(&attempt.target),
            self.paint(DIM, &format!("#{}", attempt.delivery)),
            self.paint(DIM, &took(attempt.took)),
        )?;
        match &attempt.outcome {
            Outcome::Failed(failure) => {
                self.remark(out, RED, &failure.message)?;
                if !failure.hint.is_empty() {
                    self.remark(out, DIM, &failure.hint)?;
                }
            }
            Outcome::Answered(answer) => {
                for line in self.why_answered(attempt, answer, delivery, webhooks) {
                    self.remark(out, YELLOW, &line)?;
                }
            }
        }
        Ok(())
    }

    /// `<-- 401 by cmhook  #42  kept, rejected because …`
    pub(super) fn own_answer(&self, out: &mut impl Write, answer: &OwnAnswer) -> io::Result<()> {
        let style = if answer.status < 400 { DIM } else { RED };
        writeln!(
            out,
            "{}  <-- {} by {}  {}  {}",
            self.time(Timestamp::now()),
            self.paint(style, &answer.status.to_string()),
            match answer.by {
                Answerer::Cmhook => "cmhook",
                Answerer::Relay => "the relay",
            },
            self.paint(DIM, &format!("#{}", answer.delivery)),
            answer.reason,
        )
    }

    /// `--x POST /path  refused 413: …`
    pub(super) fn refusal(&self, out: &mut impl Write, refusal: &Refusal) -> io::Result<()> {
        let status = refusal.status.map_or_else(String::new, |s| format!(" {s}"));
        writeln!(
            out,
            "{}  {} {}  {}: {}",
            self.time(refusal.at),
            self.paint(RED, "--x"),
            shown(refusal.request.as_deref().unwrap_or("a request")),
            self.paint(RED, &format!("refused{status}")),
            shown(&refusal.reason),
        )
    }

    /// `---  #42  ✓ signed (cakemail-hex)`, where a verdict became a valid one. Of one that
    /// is wrong in another way there is nothing new to say.
    pub(super) fn judged(&self, out: &mut impl Write, delivery: &Delivery) -> io::Result<()> {
        let verdict = &delivery.request.verdict;
        if !verdict.is_valid() {
            return Ok(());
        }
        writeln!(
            out,
            "{}  ---  {}  {}",
            self.time(Timestamp::now()),
            self.paint(DIM, &format!("#{}", delivery.id)),
            self.verdict(verdict),
        )
    }

    /// `--  deleted #40, #41`
    pub(super) fn deleted(&self, out: &mut impl Write, ids: &[u64]) -> io::Result<()> {
        const SHOWN: usize = 5;
        let mut named: Vec<_> = ids.iter().take(SHOWN).map(|id| format!("#{id}")).collect();
        if ids.len() > SHOWN {
            named.push(format!("and {} more", ids.len() - SHOWN));
        }
        writeln!(
            out,
            "{}  ---  deleted {}",
            self.time(Timestamp::now()),
            self.paint(DIM, &named.join(", ")),
        )
    }

    /// `---  tunnel: online, https://shop.hooks.example.com`, and what to do where it is not.
    pub(super) fn tunnel(&self, out: &mut impl Write, tunnel: &Tunnel) -> io::Result<()> {
        let now = Timestamp::now();
        let style = match tunnel.phase {
            Phase::Online { .. } => GREEN,
            Phase::Connecting => DIM,
            Phase::Reconnecting { .. } => YELLOW,
            Phase::Refused { .. } => RED,
        };
        let text = shown(&words::tunnel(tunnel, now));
        writeln!(
            out,
            "{}  ---  tunnel: {}",
            self.time(now),
            self.paint(style, &text)
        )?;
        match tunnel.phase.trouble() {
            Some((_, hint)) if !hint.is_empty() => self.remark(out, DIM, hint),
            _ => Ok(()),
        }
    }

    /// `---  Email.Opened is sent to https://shop.hooks.example.com now (X1qRXqz1upM9)`: of
    /// those that were made at the start people have been told already.
    pub(super) fn registered(&self, out: &mut impl Write, one: &Registration) -> io::Result<()> {
        writeln!(
            out,
            "{}  ---  {} is sent to {} now ({})",
            self.time(Timestamp::now()),
            shown(&one.event),
            shown(&one.url),
            shown(&one.id),
        )
    }

    pub(super) fn repeated(&self, out: &mut impl Write, delivery: u64) -> io::Result<()> {
        writeln!(
            out,
            "{}  ---  {} came again from the relay; it was kept before and stays one delivery",
            self.time(Timestamp::now()),
            self.paint(DIM, &format!("#{delivery}")),
        )
    }

    /// What can be said of an app's answer. What to change is said once: an app that refuses
    /// one delivery refuses others for the same reason.
    fn why_answered(
        &mut self,
        attempt: &Attempt,
        answer: &Answer,
        delivery: Option<&Delivery>,
        webhooks: &[Arc<Registration>],
    ) -> Vec<String> {
        let Some(delivery) = delivery else {
            return Vec::new();
        };
        if let Some(hint) = words::no_such_path(
            answer.status,
            &delivery.request.method,
            &attempt.target,
            "--forward",
        ) {
            let before = self.said_before(delivery.id, vec![hint.clone()]);
            return before.is_none().then_some(hint).into_iter().collect();
        }
        let keys = Keys {
            several: self.name_secrets || webhooks.len() > 1,
            webhooks: webhooks.into(),
        };
        let why = match diagnosis::why_refused(&delivery.request, answer.into(), &keys) {
            Some(AppRefusal { why: Some(why), .. }) => why,
            Some(AppRefusal { why: None, .. }) => {
                let hint = "with the webhook's secret cmhook can tell whether the signature is right: --secret S";
                return vec![hint.to_owned()];
            }
            // Why it is invalid stands above.
            None => return Vec::new(),
        };
        let cures: Vec<String> = why.findings.iter().map(|one| one.fix.clone()).collect();
        if cures.is_empty() {
            return why.lines().collect();
        }
        match self.said_before(delivery.id, cures) {
            Some(id) => vec![
                why.statement,
                format!("what to change is said above, at #{id}"),
            ],
            None => why.lines().collect(),
        }
    }

    /// The delivery at which the same cures were said last; else they are said now.
    fn said_before(&mut self, delivery: u64, cures: Vec<String>) -> Option<u64> {
        match &self.cures {
            Some((id, said)) if *said == cures => Some(*id),
            _ => {
                self.cures = Some((delivery, cures));
                None
            }
        }
    }

    fn remark(&self, out: &mut impl Write, style: Style, text: &str) -> io::Result<()> {
        writeln!(out, "      {}", self.paint(style, &shown(text)))
    }
}

/// A warning on standard error. Its hint is whole: a command that is cut is another one.
///
/// # Errors
/// Those of `out`.
pub fn warning(out: &mut impl Write, warning: &Warning) -> io::Result<()> {
    writeln!(out, "warning: {}", shown(&warning.message))?;
    if !warning.hint.is_empty() {
        writeln!(out, "   hint: {}", escape_for_terminal(&warning.hint))?;
    }
    Ok(())
}

/// What happened, after a stop.
///
/// # Errors
/// Those of `out`.
pub fn farewell(out: &mut impl Write, counts: &Counts) -> io::Result<()> {
    let plural = if counts.received == 1 {
        "delivery"
    } else {
        "deliveries"
    };
    write!(out, "Stopped after {} {plural}", counts.received)?;
    for (count, one, several) in [
        (
            counts.errors,
            "attempt answered 4xx or 5xx",
            "attempts answered 4xx or 5xx",
        ),
        (counts.invalid, "with an invalid signature", ""),
        (counts.failed, "attempt failed", "attempts failed"),
        (counts.refused, "request refused", "requests refused"),
        (counts.unsaved, "could not be saved", ""),
    ] {
        let several = if several.is_empty() { one } else { several };
        match count {
            0 => {}
            1 => write!(out, ", 1 {one}")?,
            _ => write!(out, ", {count} {several}")?,
        }
    }
    writeln!(out, ".")
}
