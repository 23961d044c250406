//! HAR 1.2, the format in which browsers' tools keep requests.
//!
//! Source: <http://www.softwareishard.com/blog/har-12-spec/>. Each attempt is an entry; a
//! delivery that was never forwarded is one with status 0, which is what browsers write
//! where no answer came. What HAR has no field for stands in `_cmhook`, as the format
//! leaves names with an underscore to whoever writes them.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::json::write_pretty;
use crate::delivery::{Answer, Attempt, Delivery, Headers, Kept, Outcome, Received};

/// Writes deliveries as one document.
///
/// # Errors
/// Those of `out`.
pub fn write(
    kept: &[Kept],
    throw_away_secret: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let mut entries = Vec::new();
    for kept in kept {
        let delivery = &kept.delivery;
        if kept.attempts.is_empty() {
            entries.push(entry(kept, delivery, None, throw_away_secret));
        }
        for attempt in &kept.attempts {
            entries.push(entry(kept, delivery, Some(attempt), throw_away_secret));
        }
    }
    let mut log = json!({
        "version": "1.2",
        "creator": {"name": "cmhook", "version": env!("CARGO_PKG_VERSION")},
        "entries": entries,
    });
    if let Some(secret) = throw_away_secret {
        log["comment"] = format!("redacted, and signed with the throw-away secret {secret}").into();
    }
    write_pretty(&json!({"log": log}), out)
}

fn entry(
    kept: &Kept,
    delivery: &Delivery,
    attempt: Option<&Attempt>,
    throw_away_secret: Option<&str>,
) -> Value {
    let received = &delivery.request;
    let started = attempt.map_or(received.received_at, |attempt| attempt.started_at);
    let took = attempt.map_or(Duration::ZERO, |attempt| attempt.took);
    let answer = attempt.and_then(|attempt| match &attempt.outcome {
        Outcome::Answered(answer) => Some(answer),
        Outcome::Failed(_) => None,
    });
    let wait = answer.map_or(took, |answer| answer.first_byte.min(took));
    let mut own = json!({
        "delivery": delivery.id,
        "received_at": received.received_at,
        "peer": received.peer,
        "path": received.path_and_query,
        "marked": kept.marked,
    });
    if let Some(attempt) = attempt {
        own["cause"] = attempt.cause.name().into();
        own["target"] = (*attempt.target).into();
        if let Outcome::Failed(failure) = &attempt.outcome {
            own["failure"] = json!({
                "code": failure.code.name(),
                "message": failure.message,
                "hint": failure.hint,
            });
        }
    }
    if let Some(secret) = throw_away_secret.filter(|_| received.verdict.is_valid()) {
        own["throw_away_secret"] = secret.into();
    }
    let mut entry = json!({
        "startedDateTime": started_at(started),
        "time": milliseconds(took),
        "request": request(received, attempt),
        "response": response(answer),
        "cache": {},
        "timings": {
            "send": 0,
            "wait": milliseconds(wait),
            "receive": milliseconds(took.saturating_sub(wait)),
        },
        "_cmhook": own,
    });
    match attempt.map(|attempt| &attempt.outcome) {
        None => entry["comment"] = "it was not forwarded".into(),
        Some(Outcome::Failed(failure)) => entry["comment"] = (*failure.message).into(),
        Some(Outcome::Answered(_)) => {}
    }
    entry
}

/// The schema wants exactly four digits for the year.
fn started_at(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

fn request(received: &Received, attempt: Option<&Attempt>) -> Value {
    let url = attempt.map_or_else(|| url(received), |attempt| escaped(&attempt.target));
    let mut request = json!({
        "method": received.method,
        "url": url,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&received.headers),
        "queryString": query(received.query().unwrap_or_default()),
        "headersSize": -1,
        "bodySize": received.body.len(),
    });
    if !received.body.is_empty() {
        request["postData"] = match std::str::from_utf8(&received.body) {
            Ok(text) => json!({"mimeType": media_type(&received.headers), "text": text}),
            // The format has `encoding` for answers only. Readers that do not know it here
            // see base64, and the comment says so.
            Err(_) => json!({
                "mimeType": media_type(&received.headers),
                "text": STANDARD.encode(&received.body),
                "encoding": "base64",
                "comment": "the body is not UTF-8; the text is base64",
            }),
        };
    }
    request
}

/// Where it was sent, as far as that is known.
fn url(received: &Received) -> String {
    let host = received.headers.get("host").and_then(|host| {
        let host = std::str::from_utf8(host).ok()?;
        let is_plain = |b: u8| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b);
        (!host.is_empty() && host.bytes().all(is_plain)).then_some(host)
    });
    let host = host.unwrap_or("localhost");
    escaped(&format!("http://{host}{}", received.path_and_query))
}

/// What may not stand in a URL, percent-encoded.
fn escaped(url: &str) -> String {
    let mut out = String::with_capacity(url.len());
    for b in url.bytes() {
        if b.is_ascii_graphic() && !b"\"<>\\^`{|}".contains(&b) {
            out.push(b.into());
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

fn headers(headers: &Headers) -> Vec<Value> {
    let fields = headers.iter();
    fields
        .map(|(name, value)| json!({"name": name, "value": text(value)}))
        .collect()
}

/// As UTF-8, or else as Latin-1, so that each byte is one character.
fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => bytes.iter().map(|b| char::from(*b)).collect(),
    }
}

fn query(query: &str) -> Vec<Value> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            json!({"name": decoded(name), "value": decoded(value)})
        })
        .collect()
}

fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3);
        let byte = digits.and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match (bytes[at], byte) {
            (b'%', Some(byte)) => {
                out.push(byte);
                at += 2;
            }
            (b'+', _) => out.push(b' '),
            (other, _) => out.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn media_type(headers: &Headers) -> String {
    headers.get("content-type").map(text).unwrap_or_default()
}

fn response(answer: Option<&Answer>) -> Value {
    let Some(answer) = answer else {
        return json!({
            "status": 0, "statusText": "", "httpVersion": "", "cookies": [], "headers": [],
            "content": {"size": 0, "mimeType": ""},
            "redirectURL": "", "headersSize": -1, "bodySize": -1,
        });
    };
    let reason = StatusCode::from_u16(answer.status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or_default();
    let mut content = json!({
        "size": answer.size,
        "mimeType": media_type(&answer.headers),
    });
    if let Ok(text) = std::str::from_utf8(&answer.body) {
        content["text"] = text.into();
    } else {
        content["text"] = STANDARD.encode(&answer.body).into();
        content["encoding"] = "base64".into();
    }
    if (answer.body.len() as u64) < answer.size {
        content["comment"] = "only the start of the body was kept".into();
    }
    let location = answer.headers.get("location").map(text);
    json!({
        "status": answer.status,
        "statusText": reason,
        "httpVersion": "HTTP/1.1",
        "cookies": [],
        "headers": headers(&answer.headers),
        "content": content,
        "redirectURL": location.unwrap_or_default(),
        "headersSize": -1,
        "bodySize": answer.size,
    })
}
