//! Deliveries for the tests of this folder.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::cakemail::event::name_in;
use crate::cakemail::sample::{Envelope, find};
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Kept, Outcome, Received,
    Scheme,
};
use crate::tui::text::Line;

/// What is written, line by line.
pub(super) fn plain(lines: &[Line]) -> String {
    let lines: Vec<_> = lines.iter().map(Line::plain).collect();
    lines.join("\n")
}

/// The body of a sample event.
pub(super) fn sample(event: &str) -> Vec<u8> {
    let at = "2026-11-24T10:32:07Z".parse().unwrap();
    find(event).unwrap().body(Envelope::Manual, 7, at)
}

pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(body).unwrap();
    out.finish().unwrap()
}

/// The secret that [`kept`] is signed with.
pub(super) fn secret() -> Secret {
    Secret::new("bounces", None, "whsec_sentinel").unwrap()
}

/// A sample event as Cakemail sends it, signed in hex with [`secret`].
pub(super) fn kept(event: &str, attempts: &[Attempt]) -> Kept {
    let body = sample(event);
    let signature = secret().sign(Scheme::CakemailHex, &body);
    let mut kept = received(&body, &[("x-cakemail-signature", &signature)], &[secret()]);
    kept.attempts = attempts.iter().cloned().map(Arc::new).collect();
    kept
}

/// A request without a signature.
pub(super) fn unsigned(body: &[u8]) -> Kept {
    received(body, &[], &[])
}

/// A request with these headers beside the usual ones, verified with these secrets.
pub(super) fn received(body: &[u8], headers: &[(&str, &str)], secrets: &[Secret]) -> Kept {
    let length = body.len().to_string();
    let usual = [
        ("host", "127.0.0.1:4400"),
        ("content-type", "application/json"),
        ("content-length", &length),
    ];
    let headers: Headers = usual.iter().chain(headers).copied().collect();
    Kept::new(Arc::new(Delivery {
        id: 127,
        request: Received {
            received_at: "2026-11-24T10:32:07Z".parse().unwrap(),
            peer: "127.0.0.1:50312".into(),
            method: "POST".into(),
            path_and_query: "/webhooks/cakemail".into(),
            event: name_in(body),
            verdict: verify(secrets, &headers, body),
            headers,
            body: body.to_vec().into(),
            original: None,
            relayed: None,
        },
    }))
}

/// An attempt that an Express app answered; the first is live, the others are replays.
pub(super) fn answered(n: u32, status: u16, kind: &str, body: &str) -> Attempt {
    let fields = [("x-powered-by", "Express"), ("content-type", kind)];
    attempt(
        n,
        Outcome::Answered(Answer {
            status,
            headers: fields
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .collect(),
            body: body.to_owned().into(),
            size: body.len() as u64,
            first_byte: Duration::from_millis(3),
        }),
    )
}

/// One that found nobody listening.
pub(super) fn failed(n: u32) -> Attempt {
    attempt(
        n,
        Outcome::Failed(Failure {
            code: FailureCode::Refused,
            message: "nothing listens on localhost:3000".into(),
            hint: "start your app there, or name another target".into(),
        }),
    )
}

fn attempt(n: u32, outcome: Outcome) -> Attempt {
    let first: jiff::Timestamp = "2026-11-24T10:32:07Z".parse().unwrap();
    Attempt {
        delivery: 127,
        n,
        cause: if n == 1 { Cause::Live } else { Cause::Replay },
        target: "http://localhost:3000/webhooks/cakemail".into(),
        started_at: first + Duration::from_secs(u64::from(n) * 60),
        took: Duration::from_millis(4),
        outcome,
    }
}
