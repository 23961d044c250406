//! HAR 1.2, as this program writes it and as browsers and proxies do.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;

use super::Problem;
use super::fields::{check_field, check_request_line};
use super::fixture::{NOBODY, checked};
use super::typed;
use crate::cakemail::event;
use crate::cakemail::verify::verify;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Kept, Outcome, Received,
};

#[derive(Deserialize)]
struct Document {
    log: Log,
}

#[derive(Deserialize)]
struct Log {
    entries: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "startedDateTime")]
    started: Timestamp,
    #[serde(default)]
    time: Option<f64>,
    request: Request,
    #[serde(default)]
    response: Option<Response>,
    #[serde(default)]
    timings: Option<Timings>,
    #[serde(default, rename = "_cmhook")]
    own: Option<Own>,
}

#[derive(Deserialize)]
struct Timings {
    #[serde(default)]
    wait: Option<f64>,
}

/// What this program adds to an entry.
#[derive(Deserialize)]
struct Own {
    delivery: u64,
    received_at: Timestamp,
    peer: Box<str>,
    path: Box<str>,
    #[serde(default)]
    marked: bool,
    cause: Option<String>,
    target: Option<Box<str>>,
    failure: Option<FailureIn>,
    throw_away_secret: Option<String>,
}

#[derive(Deserialize)]
struct FailureIn {
    code: String,
    message: Box<str>,
    hint: Box<str>,
}

#[derive(Deserialize)]
struct Request {
    method: Box<str>,
    url: String,
    #[serde(default)]
    headers: Vec<Field>,
    #[serde(default, rename = "postData")]
    body: Option<PostData>,
    #[serde(default, rename = "bodySize")]
    size: Option<i64>,
}

#[derive(Deserialize)]
struct Field {
    name: String,
    value: String,
}

#[derive(Deserialize)]
struct PostData {
    text: Option<String>,
    encoding: Option<String>,
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    status: i64,
    #[serde(default)]
    headers: Vec<Field>,
    #[serde(default)]
    content: Content,
}

#[derive(Default, Deserialize)]
struct Content {
    #[serde(default)]
    size: Option<i64>,
    text: Option<String>,
    encoding: Option<String>,
}

/// Reads a document and adds its deliveries to `kept`. Entries that are no HTTP requests
/// (`data:`, `wss:`, extensions') are passed over.
pub(super) fn read(text: &str, kept: &mut Vec<Kept>) -> Result<(), Problem> {
    let document: Document = typed(text)?;
    // The delivery that the entry before was an attempt of.
    let mut last: Option<u64> = None;
    for (at, entry) in document.log.entries.into_iter().enumerate() {
        let wrong = |(field, problem): (&str, String)| Problem {
            line: 1,
            field: format!("log.entries[{at}].{field}"),
            what: problem,
        };
        let is_http = |scheme: &str| {
            let start = entry.request.url.get(..scheme.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(scheme))
        };
        if !is_http("http://") && !is_http("https://") {
            continue;
        }
        let id = entry.own.as_ref().map(|own| own.delivery);
        let (delivery, attempt) = one(entry).map_err(wrong)?;
        let same = id.is_some()
            && id == last
            && kept.last().is_some_and(|kept| *kept.delivery == delivery.0);
        last = id;
        if !same {
            let mut one = Kept::new(Arc::new(delivery.0));
            one.marked = delivery.1;
            kept.push(one);
        }
        if let (Some(mut attempt), Some(kept)) = (attempt, kept.last_mut()) {
            attempt.n = u32::try_from(kept.attempts.len() + 1).unwrap_or(u32::MAX);
            kept.attempts.push(Arc::new(attempt));
        }
    }
    Ok(())
}

type Wrong = (&'static str, String);

/// An entry as a delivery, whether it is marked, and an attempt.
fn one(entry: Entry) -> Result<((Delivery, bool), Option<Attempt>), Wrong> {
    let Entry {
        started,
        request,
        own,
        ..
    } = entry;
    let path = match &own {
        Some(own) => own.path.clone(),
        None => path(&request.url),
    };
    check_request_line(&request.method, &path).map_err(|problem| ("request", problem))?;
    let headers =
        headers(request.headers, false).map_err(|problem| ("request.headers", problem))?;
    let body =
        post_data(request.body, request.size).map_err(|problem| ("request.postData", problem))?;
    let mut received = Received {
        received_at: own.as_ref().map_or(started, |own| own.received_at),
        peer: own
            .as_ref()
            .map_or_else(|| NOBODY.into(), |own| own.peer.clone()),
        method: request.method,
        path_and_query: path,
        event: event::name_in(&body),
        verdict: verify(&[], &headers, &body),
        headers,
        body,
        original: None,
        relayed: None,
    };
    let id = own.as_ref().map_or(0, |own| own.delivery);
    let mut marked = false;
    let mut cause = Cause::Live;
    let mut target = request.url.into_boxed_str();
    let mut failed = None;
    if let Some(own) = own {
        marked = own.marked;
        if let Some(secret) = own.throw_away_secret {
            received.verdict =
                checked(&secret, &received).map_err(|problem| ("_cmhook", problem))?;
        }
        cause = own
            .cause
            .as_deref()
            .and_then(Cause::from_name)
            .unwrap_or(cause);
        target = own.target.unwrap_or(target);
        failed = own.failure;
    }
    let took = milliseconds(entry.time);
    let outcome = match failed {
        Some(failure) => Some(Outcome::Failed(Failure {
            code: FailureCode::from_name(&failure.code).ok_or_else(|| {
                let code = failure.code.escape_debug();
                ("_cmhook.failure", format!("there is no failure `{code}`"))
            })?,
            message: failure.message,
            hint: failure.hint,
        })),
        None => entry
            .response
            .filter(|response| response.status != 0)
            .map(|response| answer(response, entry.timings.and_then(|timings| timings.wait)))
            .transpose()?,
    };
    let attempt = outcome.map(|outcome| Attempt {
        delivery: id,
        n: 1,
        cause,
        target,
        started_at: started,
        took,
        outcome,
    });
    Ok((
        (
            Delivery {
                id,
                request: received,
            },
            marked,
        ),
        attempt,
    ))
}

fn answer(response: Response, wait: Option<f64>) -> Result<Outcome, Wrong> {
    let status = u16::try_from(response.status)
        .ok()
        .filter(|status| (100..=999).contains(status))
        .ok_or_else(|| ("response", format!("{} is not a status", response.status)))?;
    let headers =
        headers(response.headers, true).map_err(|problem| ("response.headers", problem))?;
    let content = response.content;
    let body = text(content.text, content.encoding.as_deref())
        .map_err(|problem| ("response.content", problem))?;
    let length = body.len() as u64;
    Ok(Outcome::Answered(Answer {
        status,
        headers,
        size: u64::try_from(content.size.unwrap_or(0))
            .unwrap_or(0)
            .max(length),
        body,
        first_byte: milliseconds(wait),
    }))
}

/// Path and query of an absolute URL, without its fragment.
fn path(url: &str) -> Box<str> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let rest = rest.split('#').next().unwrap_or_default();
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].into(),
        Some(at) => format!("/{}", &rest[at..]).into(),
        None => "/".into(),
    }
}

/// Pseudo-headers of HTTP/2 are no fields. Browsers join an answer's fields of one name
/// with line ends.
fn headers(fields: Vec<Field>, joined: bool) -> Result<Headers, String> {
    let mut checked = Vec::with_capacity(fields.len());
    for Field { name, value } in fields {
        if name.starts_with(':') {
            continue;
        }
        let name = name.to_ascii_lowercase();
        let values: Vec<&str> = if joined {
            value.split('\n').collect()
        } else {
            vec![&value]
        };
        for value in values {
            check_field(&name, value.as_bytes())?;
            checked.push((name.clone(), value.to_owned()));
        }
    }
    Ok(checked.into_iter().collect())
}

fn post_data(data: Option<PostData>, size: Option<i64>) -> Result<Bytes, String> {
    let data = data.unwrap_or(PostData {
        text: None,
        encoding: None,
    });
    match (data.text, size) {
        (None, Some(size)) if size > 0 => Err(format!(
            "the body of {size} bytes is not in the file; its writer left it out"
        )),
        (text, _) => self::text(text, data.encoding.as_deref()),
    }
}

fn text(text: Option<String>, encoding: Option<&str>) -> Result<Bytes, String> {
    let text = text.unwrap_or_default();
    match encoding {
        None | Some("" | "utf8" | "utf-8") => Ok(text.into()),
        Some("base64") => STANDARD
            .decode(text)
            .map(Into::into)
            .map_err(|_| "the text is not base64".to_owned()),
        Some(other) => Err(format!(
            "the encoding `{}` is not known",
            other.escape_debug()
        )),
    }
}

/// Other programs write -1 for what they do not know.
fn milliseconds(ms: Option<f64>) -> Duration {
    let micros = (ms.unwrap_or(0.0) * 1000.0).round();
    if !(0.0..1e15).contains(&micros) {
        return Duration::ZERO;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    Duration::from_micros(micros as u64)
}
