use super::*;
use crate::delivery::{Delivery, Kept};
use crate::wire::Object;
use std::sync::Arc;

fn written(object: &Object<'_>) -> Value {
    let mut line = Vec::new();
    object.write_line(&mut line).unwrap();
    serde_json::from_slice(&line).unwrap()
}

fn kept(verdict: Verdict, body: &'static [u8], outcome: Outcome) -> Kept {
    let at = Timestamp::from_microsecond(1_764_000_000_123_456).unwrap();
    Kept {
        delivery: Arc::new(Delivery {
            id: 7,
            request: Received {
                received_at: at,
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: "/a?b=%zz".into(),
                headers: [("x-a", "1"), ("x-a", "\u{e9}")].into_iter().collect(),
                body: Bytes::from_static(body),
                event: Some("email.sent".into()),
                verdict,
                original: Some(3),
                relayed: Some(Box::new(Relayed {
                    id: "r-1".into(),
                    queued_at: Some(at),
                })),
            },
        }),
        attempts: vec![Arc::new(Attempt {
            delivery: 7,
            n: 1,
            cause: Cause::Replay,
            target: "http://localhost:1/a".into(),
            started_at: at,
            took: Duration::from_micros(12_345),
            outcome,
        })],
        marked: true,
        repeats: 2,
    }
}

#[test]
fn what_is_written_reads_back() {
    let answered = Outcome::Answered(Answer {
        status: 200,
        headers: [("content-type", "text/plain")].into_iter().collect(),
        body: Bytes::from_static(b"\xff\x00"),
        size: 9,
        first_byte: Duration::from_micros(1),
    });
    let failed = Outcome::Failed(Failure {
        code: FailureCode::Refused,
        message: "no".into(),
        hint: String::new().into(),
    });
    let valid = Verdict::Valid {
        scheme: Scheme::ApiBase64,
        secret: "main".into(),
    };
    let invalid = Verdict::Invalid {
        reason: "why".into(),
    };
    for (verdict, body, outcome) in [
        (valid, b"{}".as_slice(), answered.clone()),
        (invalid, b"\xfe", failed),
        (Verdict::Unsigned, b"", answered),
    ] {
        let kept = kept(verdict, body, outcome);
        let expected = Read::Delivery {
            id: 7,
            request: Box::new(kept.delivery.request.clone()),
            marked: true,
            repeats: 2,
            attempts: vec![(*kept.attempts[0]).clone()],
        };
        assert_eq!(read(written(&Object::from(&kept))).unwrap(), expected);
        let attempt = read(written(&Object::from(&*kept.attempts[0]))).unwrap();
        assert_eq!(
            attempt,
            Read::Attempt(Box::new((*kept.attempts[0]).clone()))
        );
    }
}

#[test]
fn a_header_that_would_be_two_is_refused() {
    for (name, value) in [
        ("x-a", "1\r\nx-evil: 2"),
        ("x-a", "1\n"),
        ("x-a", "\0"),
        ("x a", "1"),
        ("", "1"),
        ("x:a", "1"),
    ] {
        assert!(headers(&[(name.into(), value.into())]).is_err(), "{name:?}");
    }
}
