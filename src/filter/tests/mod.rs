//! What the tests of the language have in common.

mod mistakes;
mod properties;
mod terms;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::*;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Headers, Outcome, Received, Relayed,
    Scheme, Verdict,
};

fn now() -> Zoned {
    "2026-11-24T12:00:00+01:00[Europe/Paris]".parse().unwrap()
}

fn delivery(id: u64, body: &str) -> Kept {
    let event = crate::cakemail::event::name_in(body.as_bytes());
    Kept::new(Arc::new(Delivery {
        id,
        request: Received {
            received_at: "2026-11-24T10:00:00Z".parse().unwrap(),
            peer: "127.0.0.1:5".into(),
            method: "POST".into(),
            path_and_query: "/webhooks/cakemail".into(),
            headers: [("user-agent", b"Cakemail/1.0".as_slice())]
                .into_iter()
                .collect(),
            body: Bytes::copy_from_slice(body.as_bytes()),
            event,
            verdict: Verdict::Unsigned,
            original: None,
            relayed: None,
        },
    }))
}

fn relayed(queued_at: Option<Timestamp>) -> Relayed {
    Relayed {
        id: "r".into(),
        queued_at,
    }
}

fn with(mut kept: Kept, change: impl FnOnce(&mut Received)) -> Kept {
    change(&mut Arc::make_mut(&mut kept.delivery).request);
    kept
}

fn tried(mut kept: Kept, cause: Cause, took: u64, end: Result<u16, FailureCode>) -> Kept {
    let outcome = match end {
        Ok(status) => Outcome::Answered(Answer {
            status,
            headers: Headers::default(),
            body: Bytes::new(),
            size: 0,
            first_byte: Duration::ZERO,
        }),
        Err(code) => Outcome::Failed(Failure {
            code,
            message: "".into(),
            hint: "".into(),
        }),
    };
    kept.attempts.push(Arc::new(Attempt {
        delivery: kept.delivery.id,
        n: u32::try_from(kept.attempts.len()).unwrap() + 1,
        cause,
        target: "http://localhost:3000/".into(),
        started_at: Timestamp::UNIX_EPOCH,
        took: Duration::from_millis(took),
        outcome,
    }));
    kept
}

/// Seven deliveries that differ in what filters ask for.
fn some() -> Vec<Kept> {
    let opened = r#"{"event":"email.opened","timestamp":"2024-03-15T11:45:00Z","data":{"email":"Ada@Example.com","contact_id":42,"items":[{"id":5},{"id":9}],"tags":["vip","new"],"note":null,"score":1.5}}"#;
    let spam = r#"{"event":"Email.ReportedAsSpam","created_on":1710503100,"data":{"email":"bob@test.org","contact_id":"43","url":"https:\/\/x.test\/caf\u00e9"}}"#;
    vec![
        tried(delivery(1, opened), Cause::Live, 12, Ok(200)),
        with(tried(delivery(2, spam), Cause::Live, 300, Ok(503)), |r| {
            r.verdict = Verdict::Invalid {
                reason: "no".into(),
            };
            r.received_at = "2026-11-24T10:55:00Z".parse().unwrap();
        }),
        tried(
            delivery(3, r#"{"event":"campaign.sent","data":{}}"#),
            Cause::Live,
            5000,
            Err(FailureCode::Timeout),
        ),
        with(delivery(4, "not json at all"), |r| {
            r.method = "PUT".into();
            r.path_and_query = "/other?x=1".into();
            r.received_at = "2026-11-22T10:00:00Z".parse().unwrap();
            r.headers = [("x-a", b"caf\xe9".as_slice()), ("x-a", b"17")]
                .into_iter()
                .collect();
        }),
        tried(
            tried(delivery(5, opened), Cause::Live, 10, Ok(500)),
            Cause::Replay,
            20,
            Ok(204),
        ),
        with(delivery(6, opened), |r| {
            r.original = Some(1);
            r.relayed = Some(Box::new(relayed(None)));
            r.verdict = Verdict::Valid {
                scheme: Scheme::CakemailHex,
                secret: "a".into(),
            };
        }),
        Kept {
            marked: true,
            repeats: 0,
            ..with(delivery(7, ""), |r| {
                r.verdict = Verdict::Unchecked;
                r.relayed = Some(Box::new(relayed(Some(r.received_at))));
            })
        },
    ]
}
