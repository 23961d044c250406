//! The public JSON shapes, in one place for `--json`, the local API and its socket.
//!
//! They are documented in `docs/json.md`. Fields may be added within version 1;
//! none changes its meaning or goes.

mod body;
mod diff;
mod fields;
mod from;
mod live;
mod ngrok;
mod read;
mod registration;
mod row;
mod signature;
mod status;
mod tunnel;
mod verification;

use std::borrow::Cow;
use std::io::{self, Write};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use body::{BodyObject, HeaderList};
pub use diff::{BodyDiff, Diff, Side};
pub use fields::Fields;
pub use live::{
    Bye, Changes, FilterMistake, FilterRefusal, Filtered, Matches, Pong, Resumed, Snapshot,
};
pub use ngrok::{NgrokRequest, NgrokRequests, NgrokTunnel, NgrokTunnels, TUNNEL};
pub use read::{Read, bytes, headers, path, read};
pub use registration::RegistrationObject;
pub use row::{Page, Row};
pub use signature::SignatureObject;
pub use status::{Latency, Status, TargetObject};
pub use tunnel::TunnelObject;
pub use verification::{FindingObject, Verification};

use crate::delivery::{Headers, escape_json_for_terminal};

/// The version of the shapes, in the `ready` object.
pub const VERSION: u32 = 1;

/// One object of the stream.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Object<'a> {
    /// The listener accepts deliveries.
    Ready(Ready<'a>),
    /// A delivery came in.
    Delivery(DeliveryObject<'a>),
    /// A delivery as it is kept, with all that came of it.
    #[serde(rename = "delivery")]
    Kept(KeptObject<'a>),
    /// A forward ended.
    Attempt(AttemptObject<'a>),
    /// No app was asked for an answer.
    Answer(AnswerObject<'a>),
    /// A request did not become a delivery.
    Refused(RefusedObject<'a>),
    /// A delivery's verdict was made anew.
    Verdict {
        /// The delivery's id.
        delivery: u64,
        /// The new one.
        verdict: VerdictObject<'a>,
    },
    /// Deliveries were deleted.
    Deleted {
        /// Their ids, ascending.
        ids: &'a [u64],
    },
    /// A delivery was marked, or its mark was taken away.
    Marked {
        /// The delivery's id.
        delivery: u64,
        /// Whether it is marked now.
        marked: bool,
    },
    /// The tunnel to a relay is in another state.
    Tunnel(TunnelObject<'a>),
    /// A webhook was made for this listener, or is sent elsewhere now.
    Registered(RegistrationObject<'a>),
    /// A webhook that was made for it is archived.
    Archived(RegistrationObject<'a>),
    /// The relay handed on again what had been kept already.
    Repeated {
        /// The delivery's id.
        delivery: u64,
        /// How often it has done so.
        times: u32,
    },
    /// Something to know now.
    Warning(Message<'a>),
    /// cmhook could not start or go on.
    Error(Message<'a>),
    /// The listener has stopped.
    Stopped(Stopped),
}

impl Object<'_> {
    /// Leaves out the bodies of a kept delivery that are longer than this, in bytes.
    #[must_use]
    pub fn without_bodies_over(mut self, most: usize) -> Self {
        if let Self::Kept(kept) = &mut self {
            kept.delivery.request.body.omit_over(most);
            for attempt in &mut kept.attempts {
                if let Some(response) = &mut attempt.response {
                    response.body.omit_over(most);
                }
            }
        }
        self
    }

    /// Writes it as one line of JSON, with nothing in it that a terminal would act on.
    ///
    /// Nothing is built in memory first: a body of 25 MB can be 150 MB of JSON.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_line(&self, out: &mut impl Write) -> io::Result<()> {
        write_line(self, out)
    }
}

/// Writes anything as one line of JSON in the same way.
///
/// # Errors
/// Those of `out`, and of values that JSON cannot say.
pub fn write_line(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let mut serializer = serde_json::Serializer::with_formatter(&mut *out, ForTerminals);
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

/// Compact JSON in which whatever a terminal would act on is escaped.
struct ForTerminals;

impl serde_json::ser::Formatter for ForTerminals {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        // By the piece, because escaping makes a copy.
        const PIECE: usize = 8 << 10;
        let mut rest = fragment;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
            // Of ASCII this is all that JSON itself leaves as it is, and looking for it in one
            // go takes a small part of the time.
            if piece.is_ascii() && !piece.as_bytes().contains(&0x7f) {
                out.write_all(piece.as_bytes())?;
            } else {
                out.write_all(escape_json_for_terminal(piece).as_bytes())?;
            }
            rest = more;
        }
        Ok(())
    }
}

/// See [`Object::Ready`].
#[derive(Debug, Serialize)]
pub struct Ready<'a> {
    /// [`VERSION`].
    pub v: u32,
    /// cmhook's own version.
    pub version: &'a str,
    /// Where deliveries arrive.
    pub url: &'a str,
    /// Where they arrive from elsewhere, at `--public-url` or while a tunnel is online.
    pub public_url: Option<&'a str>,
    /// The first target.
    pub target: Option<&'a str>,
    /// All of them, routes' included.
    pub targets: &'a [String],
    /// How many secrets are known.
    pub secrets: usize,
    /// How many webhooks were made for it.
    pub registered: usize,
    /// The journal's file.
    pub store: Option<&'a str>,
    /// Deliveries that were found in it.
    pub kept: usize,
    /// The process.
    pub pid: u32,
    /// The web inspector, with this run's token.
    pub inspector: Option<&'a str>,
}

/// See [`Object::Delivery`].
#[derive(Debug, Serialize)]
pub struct DeliveryObject<'a> {
    id: u64,
    received_at: Timestamp,
    peer: &'a str,
    event: Option<&'a str>,
    verdict: VerdictObject<'a>,
    request: RequestObject<'a>,
    original: Option<u64>,
    relay: Option<RelayObject<'a>>,
}

/// See [`Object::Kept`].
#[derive(Debug, Serialize)]
pub struct KeptObject<'a> {
    #[serde(flatten)]
    delivery: DeliveryObject<'a>,
    marked: bool,
    replays: usize,
    /// Of the newest attempt.
    status: Option<u16>,
    /// Of the newest attempt, where it failed.
    error: Option<&'static str>,
    /// Of the newest attempt.
    took_ms: Option<f64>,
    attempts: Vec<AttemptObject<'a>>,
}

/// How it came through a relay.
#[derive(Debug, Serialize)]
pub struct RelayObject<'a> {
    id: &'a str,
    queued_at: Option<Timestamp>,
    repeats: u32,
}

/// What verification said.
#[derive(Debug, Serialize)]
pub struct VerdictObject<'a> {
    status: &'static str,
    scheme: Option<&'static str>,
    secret: Option<&'a str>,
    reason: Option<&'a str>,
}

/// The request as it was.
#[derive(Debug, Serialize)]
pub struct RequestObject<'a> {
    method: &'a str,
    path: &'a str,
    query: Option<&'a str>,
    headers: HeaderList<'a>,
    #[serde(flatten)]
    body: BodyObject<'a>,
    size: u64,
}

/// A request that is to be sent, in the shape that [`headers`] and [`bytes`] read.
#[derive(Debug, Serialize)]
pub struct Draft<'a> {
    method: &'a str,
    /// With its query.
    path: &'a str,
    headers: HeaderList<'a>,
    #[serde(flatten)]
    body: BodyObject<'a>,
}

impl<'a> Draft<'a> {
    /// Of these parts.
    pub fn new(method: &'a str, path: &'a str, headers: &'a Headers, body: &'a [u8]) -> Self {
        Self {
            method,
            path,
            headers: HeaderList(headers),
            body: body.into(),
        }
    }
}

/// See [`Object::Attempt`].
#[derive(Debug, Serialize)]
pub struct AttemptObject<'a> {
    delivery: u64,
    n: u32,
    cause: &'static str,
    target: &'a str,
    started_at: Timestamp,
    outcome: &'static str,
    status: Option<u16>,
    #[serde(serialize_with = "milliseconds")]
    took_ms: Duration,
    response: Option<ResponseObject<'a>>,
    error: Option<FailureObject<'a>>,
}

/// What an app answered.
#[derive(Debug, Serialize)]
pub struct ResponseObject<'a> {
    headers: HeaderList<'a>,
    #[serde(flatten)]
    body: BodyObject<'a>,
    size: u64,
    truncated: bool,
    #[serde(serialize_with = "milliseconds")]
    first_byte_ms: Duration,
}

/// Why an app did not answer.
#[derive(Debug, Serialize)]
pub struct FailureObject<'a> {
    code: &'static str,
    message: &'a str,
    hint: &'a str,
}

/// See [`Object::Answer`].
#[derive(Debug, Serialize)]
pub struct AnswerObject<'a> {
    delivery: u64,
    by: &'static str,
    status: u16,
    reason: &'a str,
}

/// See [`Object::Refused`].
#[derive(Debug, Serialize)]
pub struct RefusedObject<'a> {
    at: Timestamp,
    peer: &'a str,
    code: &'static str,
    status: Option<u16>,
    request: Option<Cow<'a, str>>,
    reason: &'a str,
}

impl RefusedObject<'_> {
    /// With no more of the request than a list shows.
    #[must_use]
    pub fn short(mut self) -> Self {
        let short = self
            .request
            .as_deref()
            .map(|line| row::cut(line).into_owned());
        self.request = short.map(Cow::Owned);
        self
    }
}

/// A warning or an error.
#[derive(Debug, Serialize)]
pub struct Message<'a> {
    /// What kind, for programs.
    pub code: &'a str,
    /// What is wrong.
    pub message: &'a str,
    /// What to do about it; may be empty.
    pub hint: &'a str,
}

/// See [`Object::Stopped`].
#[derive(Debug, Serialize)]
pub struct Stopped {
    received: u64,
    valid: u64,
    invalid: u64,
    unsigned: u64,
    unchecked: u64,
    answered: u64,
    errors: u64,
    failed: u64,
    refused: u64,
    evicted: u64,
    unsaved: u64,
}

/// Milliseconds with three decimals: the clock's noise is not worth more.
pub fn in_milliseconds(duration: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for the first 285 years")]
    let ms = duration.as_micros() as f64 / 1000.0;
    ms
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_milliseconds(*duration))
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_terminal_would_act_on_is_escaped_wherever_it_stands() {
        for (text, written) in [("a\u{7f}b", r"a\u007fb"), ("é\u{9b}b\t", r"é\u009bb\t")] {
            let (long, mut line) = ("x".repeat(9000), Vec::new());
            super::write_line(&format!("{text}{long}{text}"), &mut line).unwrap();
            let expected = format!("\"{written}{long}{written}\"\n");
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }
}
