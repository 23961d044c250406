//! Fixtures: a delivery as a file to read, commit and send again in CI.
//!
//! The format is documented in `docs/fixtures.md`. Every byte of the request is in it, so
//! that its signature goes on to verify.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::json::write_pretty;
use super::read::fields::{BodyOut, Fields};
use crate::delivery::{Answer, Kept, Outcome, Verdict};

/// The version of the format, in the `cmhook_fixture` field.
pub const VERSION: u32 = 1;

/// A fixture as it stands in its file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fixture {
    /// [`VERSION`]; first in the file, so that it says what it is.
    pub cmhook_fixture: u32,
    /// The event's name, for whoever reads the file; the payload's own counts.
    #[serde(default)]
    pub event: Option<String>,
    /// When it came in.
    pub received_at: Timestamp,
    /// The request.
    pub request: Request,
    /// What verification said when it came in.
    #[serde(default)]
    pub signature: Signature,
    /// What an app answered, if it is known.
    #[serde(default)]
    pub answer: Option<Recorded>,
}

/// The request of a [`Fixture`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, undecoded.
    pub path: String,
    /// The header fields.
    #[serde(default)]
    pub headers: Fields,
    /// The body where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
}

/// The verdict of a [`Fixture`].
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signature {
    /// `valid`, `invalid`, `unsigned` or `unchecked`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// The scheme of a valid one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    /// The label of the secret that matched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Why it is invalid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The secret itself, where the fixture is redacted and signed with one of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throw_away_secret: Option<String>,
}

/// The answer of a [`Fixture`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// The URL that was asked.
    #[serde(default)]
    pub target: Option<String>,
    /// The status code.
    pub status: u16,
    /// The header fields.
    #[serde(default)]
    pub headers: Fields,
    /// The body where it is text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body where it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Bytes of the whole body, where only its start was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
}

/// Writes a delivery, with the newest answer that an app gave to it.
///
/// # Errors
/// Those of `out`.
pub fn write(kept: &Kept, throw_away_secret: Option<&str>, out: &mut impl Write) -> io::Result<()> {
    let received = &kept.delivery.request;
    let BodyOut { body, body_base64 } = BodyOut::from(&*received.body);
    let answer = kept.attempts.iter().rev().find_map(|attempt| {
        let Outcome::Answered(answer) = &attempt.outcome else {
            return None;
        };
        Some(recorded(&attempt.target, answer))
    });
    let fixture = Fixture {
        cmhook_fixture: VERSION,
        event: received.event.as_deref().map(str::to_owned),
        received_at: received.received_at,
        request: Request {
            method: received.method.to_string(),
            path: received.path_and_query.to_string(),
            headers: Fields::from(&received.headers),
            body,
            body_base64,
        },
        signature: signature(&received.verdict, throw_away_secret),
        answer,
    };
    write_pretty(&fixture, out)
}

fn signature(verdict: &Verdict, throw_away_secret: Option<&str>) -> Signature {
    let mut signature = Signature {
        verdict: Some(verdict.status().to_owned()),
        ..Signature::default()
    };
    match verdict {
        Verdict::Valid { scheme, secret } => {
            signature.scheme = Some(scheme.name().to_owned());
            signature.label = Some(secret.to_string());
            signature.throw_away_secret = throw_away_secret.map(str::to_owned);
        }
        Verdict::Invalid { reason } => signature.reason = Some(reason.to_string()),
        Verdict::Unsigned | Verdict::Unchecked => {}
    }
    signature
}

fn recorded(target: &str, answer: &Answer) -> Recorded {
    let BodyOut { body, body_base64 } = BodyOut::from(&*answer.body);
    Recorded {
        target: Some(target.to_owned()),
        status: answer.status,
        headers: Fields::from(&answer.headers),
        body,
        body_base64,
        size: (answer.body.len() as u64 != answer.size).then_some(answer.size),
    }
}
