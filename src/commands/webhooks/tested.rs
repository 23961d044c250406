//! What came of `cmhook webhooks test`, for people and in JSON.

use std::borrow::Cow;
use std::io::{self, Write as _};

use serde::Serialize;
use serde_json::Value;

use super::behind::Arrived;
use super::{Account, say};
use crate::cakemail::webhook::{Webhook, shown_url};
use crate::capture::trigger::send::{Answer, Sent};
use crate::commands::ink;
use crate::commands::listener_client::ApiError;
use crate::delivery::Scheme;
use crate::delivery::words::took;

/// Characters of an answer that are shown.
const START: usize = 200;

/// The fields of [`Object`].
pub(super) const FIELDS: [&str; 12] = [
    "webhook", "event", "url", "scheme", "ok", "status", "took_ms", "body", "error", "hints",
    "listener", "arrived",
];

/// What came of it, in JSON.
#[derive(Debug, Serialize)]
pub(super) struct Object<'a> {
    webhook: &'a str,
    event: &'a str,
    url: Cow<'a, str>,
    scheme: &'static str,
    ok: bool,
    status: Option<u16>,
    took_ms: Option<f64>,
    body: Option<String>,
    error: Option<Failed<'a>>,
    hints: &'a [String],
    listener: bool,
    arrived: Option<ArrivedObject<'a>>,
}

#[derive(Debug, Serialize)]
struct Failed<'a> {
    code: &'a str,
    message: &'a str,
    hint: &'a str,
}

#[derive(Debug, Serialize)]
struct ArrivedObject<'a> {
    delivery: u64,
    verdict: &'a Value,
}

/// What there is to tell.
pub(super) struct Told {
    pub(super) sent: Sent,
    pub(super) hints: Vec<String>,
    pub(super) listener: bool,
    pub(super) arrived: Option<Arrived>,
}

impl Told {
    /// It, in JSON.
    pub(super) fn object<'a>(&'a self, webhook: &'a Webhook, scheme: Scheme) -> Object<'a> {
        let answer = self.sent.answer.as_ref();
        Object {
            webhook: &webhook.id,
            event: &webhook.event,
            url: shown_url(&webhook.url),
            scheme: scheme.name(),
            ok: self.sent.is_fine(),
            status: answer.ok().map(|answer| answer.status),
            took_ms: Some(self.sent.took.as_secs_f64() * 1000.0),
            body: answer.ok().map(start),
            error: answer.err().map(|failure| Failed {
                code: failure.code.name(),
                message: &failure.message,
                hint: &failure.hint,
            }),
            hints: &self.hints,
            listener: self.listener,
            arrived: self.arrived.as_ref().map(|arrived| ArrivedObject {
                delivery: arrived.id,
                verdict: &arrived.verdict,
            }),
        }
    }

    /// Says it to people.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn say(&self, account: &Account, webhook: &Webhook) -> anyhow::Result<()> {
        let answer = self.sent.answer.as_ref();
        let ink = &account.out.ink;
        let mut out = io::stdout().lock();
        let (style, mark) = if self.sent.is_fine() {
            (ink::GREEN, "✓")
        } else {
            (ink::RED, "✗")
        };
        let mark = ink.paint(style, mark);
        let url = shown_url(&webhook.url);
        let (event, url) = (ink::shown(&webhook.event), ink::shown(&url));
        let took = took(self.sent.took);
        match answer {
            Ok(answer) => {
                let status = answer.status.to_string();
                let status = ink.paint(ink::style_of(answer.status), &status);
                writeln!(out, "{mark} {status} {event}  {took}  {url}")?;
                let body = start(answer);
                if !body.is_empty() {
                    writeln!(out, "  {}", ink::shown(&body))?;
                }
            }
            Err(failure) => {
                writeln!(
                    out,
                    "{mark} {event} {took}  {}",
                    ink::shown(&failure.message)
                )?;
            }
        }
        if let Some(line) = self.of_listener() {
            writeln!(out, "  {}", ink::shown(&line))?;
        }
        for hint in &self.hints {
            say(&format!(" hint: {hint}"));
        }
        Ok(())
    }

    /// What is to be said of the listener behind the URL.
    fn of_listener(&self) -> Option<String> {
        if !self.listener {
            return None;
        }
        let Some(Arrived { id, verdict }) = &self.arrived else {
            return Some(
                "The listener of this machine, which is behind this URL, did not get it".into(),
            );
        };
        let text = |name: &str| verdict[name].as_str().unwrap_or_default();
        let signature = match text("status") {
            "valid" => format!("its signature is right ({})", text("scheme")),
            "invalid" => format!("its signature is invalid there: {}", text("reason")),
            "unsigned" => "it came without its signature".to_owned(),
            _ => "its signature was not checked: the listener knows no secret".to_owned(),
        };
        Some(format!(
            "It arrived at the listener of this machine as #{id}, and {signature}"
        ))
    }
}

/// One that nothing could be sent to, in JSON.
pub(super) fn untried<'a>(webhook: &'a Webhook, scheme: Scheme, error: &'a ApiError) -> Object<'a> {
    Object {
        webhook: &webhook.id,
        event: &webhook.event,
        url: shown_url(&webhook.url),
        scheme: scheme.name(),
        ok: false,
        status: None,
        took_ms: None,
        body: None,
        error: Some(Failed {
            code: &error.code,
            message: &error.message,
            hint: &error.hint,
        }),
        hints: &[],
        listener: false,
        arrived: None,
    }
}

/// Says of one to people that nothing could be sent to it.
///
/// # Errors
/// Those of standard output.
pub(super) fn say_untried(
    account: &Account,
    webhook: &Webhook,
    error: &ApiError,
) -> anyhow::Result<()> {
    let mark = account.out.ink.paint(ink::RED, "✗");
    let (event, why) = (ink::shown(&webhook.event), ink::shown(&error.message));
    writeln!(io::stdout(), "{mark} {event}  {why}")?;
    if !error.hint.is_empty() {
        say(&format!(" hint: {}", error.hint));
    }
    Ok(())
}

/// How the answer begins, as a line.
fn start(answer: &Answer) -> String {
    let text = String::from_utf8_lossy(&answer.start);
    let line = text.trim().lines().next().unwrap_or_default();
    line.trim_end().chars().take(START).collect()
}
