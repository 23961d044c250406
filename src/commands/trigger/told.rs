//! What is said of what was sent.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use serde::Serialize;

use crate::capture::trigger::send::Sent;
use crate::cli::JsonArgs;
use crate::commands::audience::Audience;
use crate::commands::ink::{self, Ink};
use crate::commands::json_output::JsonOutput;
use crate::config::{Color, ConfigError};
use crate::delivery::Failure;
use crate::delivery::words::{no_such_path, took};

/// The fields of [`SentObject`].
const FIELDS: [&str; 6] = ["type", "event", "target", "status", "took_ms", "error"];

/// One that was sent, in JSON.
#[derive(Debug, Serialize)]
struct SentObject<'a> {
    r#type: &'static str,
    event: Option<&'a str>,
    target: &'a str,
    status: Option<u16>,
    took_ms: f64,
    error: Option<ErrorObject<'a>>,
}

#[derive(Debug, Serialize)]
struct ErrorObject<'a> {
    code: &'static str,
    message: &'a str,
    hint: &'a str,
}

/// How JSON is written, if it is wanted.
///
/// # Errors
/// At a field that there is not, or a jq expression that is none.
pub(super) fn json(args: &JsonArgs, color: Color) -> Result<Option<JsonOutput>, ConfigError> {
    let wanted = args.wanted();
    wanted
        .then(|| JsonOutput::new(args, &FIELDS, color))
        .transpose()
}

/// Says it, and counts.
pub(super) struct Told {
    json: Option<JsonOutput>,
    audience: Audience,
    out: Ink,
    err: Ink,
    target: String,
    width: usize,
    fine: u64,
    took: Vec<Duration>,
    failed: u64,
    hints: Vec<String>,
}

impl Told {
    /// For what goes to that target. `width` is that of the longest event name.
    pub(super) fn new(
        json: Option<JsonOutput>,
        color: Color,
        target: String,
        width: usize,
    ) -> Self {
        Self {
            json,
            audience: Audience::default(),
            out: Ink::new(color, io::stdout().is_terminal()),
            err: Ink::new(color, io::stderr().is_terminal()),
            target,
            width,
            fine: 0,
            took: Vec::new(),
            failed: 0,
            hints: Vec::new(),
        }
    }

    /// Says what came of one. Where nobody reads any more, it only counts.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn say(&mut self, sent: &Sent) -> anyhow::Result<()> {
        self.fine += u64::from(sent.is_fine());
        match &sent.answer {
            Ok(_) => self.took.push(sent.took),
            Err(_) => self.failed += 1,
        }
        // What is wrong with the first is mostly what is wrong with the others. A script that
        // reads an answer's status in JSON knows what to make of it.
        if self.hints.is_empty() && (self.json.is_none() || sent.answer.is_err()) {
            self.hints = hints(sent);
        }
        if self.audience.has_left() {
            return Ok(());
        }
        let written = self.write(sent);
        self.audience.heard(written)
    }

    fn write(&self, sent: &Sent) -> anyhow::Result<()> {
        if let Some(json) = &self.json {
            return json.write_line(SentObject {
                r#type: "sent",
                event: sent.event.as_deref(),
                target: &self.target,
                status: sent.answer.as_ref().ok().map(|answer| answer.status),
                took_ms: in_milliseconds(sent.took),
                error: sent.answer.as_ref().err().map(error_object),
            });
        }
        writeln!(io::stdout().lock(), "{}", self.line(sent))?;
        Ok(())
    }

    fn line(&self, sent: &Sent) -> String {
        let event = ink::shown(sent.event.as_deref().unwrap_or("-"));
        let took = took(sent.took);
        let width = self.width;
        let (head, rest) = match &sent.answer {
            Ok(answer) => {
                let status = answer.status.to_string();
                let style = ink::style_of(answer.status);
                let head = self.out.paint(style, &status).into_owned();
                let said = if sent.is_fine() {
                    String::new()
                } else {
                    first_line(&answer.start)
                };
                (head, said)
            }
            Err(failure) => {
                let head = self.out.paint(ink::RED, "---").into_owned();
                (head, ink::shown(&failure.message).into_owned())
            }
        };
        let line = format!("{head} {event:width$} {took:>6}  {rest}");
        line.trim_end().to_owned()
    }

    /// Says what there is to say of all of them, and whether each was answered 2xx.
    pub(super) fn end(mut self) -> bool {
        let sent = self.took.len() as u64 + self.failed;
        let mut err = io::stderr().lock();
        // Standard error may be closed; what was sent is sent all the same.
        for hint in &self.hints {
            let _ = writeln!(err, " hint: {}", ink::shown(hint));
        }
        if sent > 1 && self.json.is_none() {
            let _ = writeln!(err, "{}", self.summary(sent));
        }
        self.fine == sent
    }

    fn summary(&mut self, sent: u64) -> String {
        let mut parts = vec![format!("Sent {sent}: {} answered 2xx", self.fine)];
        let others = self.took.len() as u64 - self.fine;
        if others > 0 {
            let text = format!("{others} answered something else");
            parts.push(self.err.paint(ink::RED, &text).into_owned());
        }
        if self.failed > 0 {
            let text = format!("{} not answered", self.failed);
            parts.push(self.err.paint(ink::RED, &text).into_owned());
        }
        self.took.sort_unstable();
        if let Some(max) = self.took.last() {
            let part = |percent: usize| took(self.took[(self.took.len() - 1) * percent / 100]);
            parts.push(format!(
                "p50 {}, p95 {}, max {}",
                part(50),
                part(95),
                took(*max)
            ));
        }
        parts.join("; ")
    }
}

/// What to look for where it was not taken.
fn hints(sent: &Sent) -> Vec<String> {
    let refusal = sent.refusal.clone().and_then(|refusal| refusal.why);
    match (&sent.answer, refusal) {
        (Err(failure), _) if failure.hint.is_empty() => Vec::new(),
        (Err(failure), _) => vec![failure.hint.to_string()],
        (Ok(_), Some(why)) => why.lines().collect(),
        (Ok(answer), None) => no_such_path(answer.status, "POST", &sent.url, "--to")
            .into_iter()
            .collect(),
    }
}

fn error_object(failure: &Failure) -> ErrorObject<'_> {
    ErrorObject {
        code: failure.code.name(),
        message: &failure.message,
        hint: &failure.hint,
    }
}

/// How an answer begins, for a line: short, and with nothing in it that acts on a terminal.
fn first_line(start: &[u8]) -> String {
    let text = String::from_utf8_lossy(start);
    let line = text.trim_start().lines().next().unwrap_or_default();
    let short: String = line.trim_end().chars().take(100).collect();
    ink::shown(&short).into_owned()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "not even a year of microseconds is that long"
)]
fn in_milliseconds(duration: Duration) -> f64 {
    duration.as_micros() as f64 / 1000.0
}
