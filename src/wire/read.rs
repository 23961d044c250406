//! Deliveries and attempts from the JSON that this program writes.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use super::Fields;
use crate::delivery::{
    Answer, Attempt, Cause, Failure, FailureCode, Headers, Outcome, Received, Relayed, Scheme,
    Verdict,
};

/// What an object of the stream says that can be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Read {
    /// A `delivery` object: its id, what came in, whether it is marked, and its attempts
    /// where they are listed in it.
    Delivery {
        /// The id that it had.
        id: u64,
        /// What came in.
        request: Box<Received>,
        /// Whether it was marked.
        marked: bool,
        /// How often its relay handed it on again.
        repeats: u32,
        /// Its attempts, `n` ascending.
        attempts: Vec<Attempt>,
    },
    /// An `attempt` object.
    Attempt(Box<Attempt>),
    /// An object of another type.
    Other,
}

/// Reads one object.
///
/// # Errors
/// What is wrong, without a final period.
pub fn read(object: Value) -> Result<Read, String> {
    let kind = object.get("type").and_then(Value::as_str);
    match kind {
        Some("delivery") => {
            let read: DeliveryIn = from(object)?;
            let request = read.request.0;
            let relay = read.relay.map(|relay| relay.0);
            let repeats = relay.as_ref().map_or(0, |relay| relay.repeats);
            let attempts = read.attempts.into_iter().map(|one| one.0.into_attempt());
            let attempts = attempts.collect::<Result<_, _>>()?;
            let request = Received {
                received_at: read.received_at,
                peer: read.peer,
                method: method(request.method)?,
                path_and_query: path(match request.query {
                    Some(query) => format!("{}?{query}", request.path).into(),
                    None => request.path,
                })?,
                headers: headers(&request.headers)?,
                body: bytes(request.body, &request.body_encoding)?,
                event: read.event,
                verdict: read.verdict.0.into_verdict()?,
                original: read.original,
                relayed: relay.map(|relay| relay.into_relayed().into()),
            };
            Ok(Read::Delivery {
                id: read.id,
                request: Box::new(request),
                marked: read.marked,
                repeats,
                attempts,
            })
        }
        Some("attempt") => Ok(Read::Attempt(Box::new(
            from::<AttemptIn>(object)?.into_attempt()?,
        ))),
        Some(_) => Ok(Read::Other),
        None => Err("it has no `type`".to_owned()),
    }
}

fn from<T: for<'de> Deserialize<'de>>(object: Value) -> Result<T, String> {
    serde_json::from_value(object).map_err(|error| error.to_string())
}

#[derive(Deserialize)]
struct DeliveryIn {
    id: u64,
    received_at: Timestamp,
    peer: Box<str>,
    event: Option<Box<str>>,
    verdict: Fields<VerdictIn>,
    request: Fields<RequestIn>,
    original: Option<u64>,
    relay: Option<Fields<RelayIn>>,
    #[serde(default)]
    marked: bool,
    #[serde(default)]
    attempts: Vec<Fields<AttemptIn>>,
}

#[derive(Deserialize)]
struct RelayIn {
    id: Box<str>,
    queued_at: Option<Timestamp>,
    #[serde(default)]
    repeats: u32,
}

impl RelayIn {
    fn into_relayed(self) -> Relayed {
        Relayed {
            id: self.id,
            queued_at: self.queued_at,
        }
    }
}

#[derive(Deserialize)]
struct VerdictIn {
    status: String,
    scheme: Option<String>,
    secret: Option<String>,
    reason: Option<String>,
}

impl VerdictIn {
    fn into_verdict(self) -> Result<Verdict, String> {
        match &*self.status {
            "valid" => {
                let scheme = self.scheme.unwrap_or_default();
                Ok(Verdict::Valid {
                    scheme: Scheme::from_name(&scheme)
                        .ok_or_else(|| format!("there is no scheme `{scheme}`"))?,
                    secret: self.secret.unwrap_or_default().into(),
                })
            }
            "invalid" => Ok(Verdict::Invalid {
                reason: self.reason.unwrap_or_default().into(),
            }),
            "unsigned" => Ok(Verdict::Unsigned),
            "unchecked" => Ok(Verdict::Unchecked),
            other => Err(format!("there is no verdict `{other}`")),
        }
    }
}

#[derive(Deserialize)]
struct RequestIn {
    method: Box<str>,
    path: Box<str>,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: String,
    body_encoding: String,
}

#[derive(Deserialize)]
struct AttemptIn {
    delivery: u64,
    n: u32,
    cause: String,
    target: Box<str>,
    started_at: Timestamp,
    status: Option<u16>,
    took_ms: f64,
    response: Option<Fields<ResponseIn>>,
    error: Option<Fields<FailureIn>>,
}

#[derive(Deserialize)]
struct ResponseIn {
    headers: Vec<(String, String)>,
    body: String,
    body_encoding: String,
    size: u64,
    first_byte_ms: f64,
}

#[derive(Deserialize)]
struct FailureIn {
    code: String,
    message: Box<str>,
    hint: Box<str>,
}

impl AttemptIn {
    fn into_attempt(self) -> Result<Attempt, String> {
        let outcome = match (self.status, self.response, self.error) {
            (Some(status @ 100..=999), Some(Fields(response)), None) => Outcome::Answered(Answer {
                status,
                headers: headers(&response.headers)?,
                body: bytes(response.body, &response.body_encoding)?,
                size: response.size,
                first_byte: milliseconds(response.first_byte_ms)?,
            }),
            (None, None, Some(Fields(failure))) => Outcome::Failed(Failure {
                code: FailureCode::from_name(&failure.code)
                    .ok_or_else(|| format!("there is no failure `{}`", failure.code))?,
                message: failure.message,
                hint: failure.hint,
            }),
            _ => {
                return Err(
                    "an attempt has neither a response with its status nor an error alone"
                        .to_owned(),
                );
            }
        };
        Ok(Attempt {
            delivery: self.delivery,
            n: self.n,
            cause: Cause::from_name(&self.cause)
                .ok_or_else(|| format!("there is no cause `{}`", self.cause))?,
            target: self.target,
            started_at: self.started_at,
            took: milliseconds(self.took_ms)?,
            outcome,
        })
    }
}

fn milliseconds(ms: f64) -> Result<Duration, String> {
    // To the microsecond, which is what is kept.
    let micros = (ms * 1000.0).round();
    if !(0.0..1e15).contains(&micros) {
        return Err(format!("{ms} is no duration in milliseconds"));
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked above"
    )]
    let micros = micros as u64;
    Ok(Duration::from_micros(micros))
}

/// The body of an object, from its text and its encoding.
///
/// # Errors
/// Where the text is not what the encoding says.
pub fn bytes(text: String, encoding: &str) -> Result<Bytes, String> {
    match encoding {
        "utf8" => Ok(text.into_bytes().into()),
        "base64" => STANDARD
            .decode(text)
            .map(Into::into)
            .map_err(|_| "a body is not base64".to_owned()),
        other => Err(format!("there is no body encoding `{other}`")),
    }
}

/// Header fields from an object's list.
///
/// # Errors
/// Where a field could not be sent: a name that is none, a control character in a value.
pub fn headers(fields: &[(String, String)]) -> Result<Headers, String> {
    for (name, value) in fields {
        if !is_token(name) {
            return Err(format!(
                "`{}` is not the name of a header",
                name.escape_debug()
            ));
        }
        if value.contains(|c: char| c != '\t' && (c < ' ' || c == '\u{7f}')) {
            return Err(format!(
                "the header `{name}` has a value with a control character in it"
            ));
        }
    }
    Ok(fields
        .iter()
        .map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes()))
        .collect())
}

/// Whether this is what HTTP makes names and methods of.
fn is_token(text: &str) -> bool {
    let fits = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(fits)
}

fn method(text: Box<str>) -> Result<Box<str>, String> {
    if is_token(&text) {
        return Ok(text);
    }
    Err(format!("`{}` is not a method of HTTP", text.escape_debug()))
}

/// A path with its query, which has to fit into the first line of a request.
///
/// # Errors
/// Where it would end that line or be taken for two words.
pub fn path(text: Box<str>) -> Result<Box<str>, String> {
    if text.contains(|c: char| c == ' ' || c.is_ascii_control()) {
        return Err("the path has a space or a control character in it".to_owned());
    }
    Ok(text)
}

#[cfg(test)]
mod tests;
