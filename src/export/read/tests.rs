use super::*;
use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::delivery::{
    Answer, Attempt, Cause, Delivery, Failure, FailureCode, Outcome, Received, Scheme, Verdict,
};
use crate::export::{THROW_AWAY, fixture, har, json};
use bytes::Bytes;
use jiff::Timestamp;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

pub(in crate::export) fn received(path: &str, headers: Vec<(&str, &str)>, body: &[u8]) -> Received {
    let headers = headers.into_iter().collect();
    Received {
        received_at: Timestamp::from_microsecond(1_764_000_000_123_456).unwrap(),
        peer: "192.0.2.7:50312".into(),
        method: "POST".into(),
        path_and_query: path.into(),
        verdict: verify(&[], &headers, body),
        headers,
        event: event::name_in(body),
        body: Bytes::copy_from_slice(body),
        original: None,
        relayed: None,
    }
}

pub(in crate::export) fn kept(id: u64, request: Received) -> Kept {
    Kept::new(Arc::new(Delivery { id, request }))
}

pub(in crate::export) fn answered(kept: &mut Kept, status: u16, body: &[u8]) {
    let attempt = Attempt {
        delivery: kept.delivery.id,
        n: u32::try_from(kept.attempts.len()).unwrap() + 1,
        cause: Cause::Live,
        target: format!(
            "http://localhost:3000{}",
            kept.delivery.request.path_and_query
        )
        .into(),
        started_at: kept.delivery.request.received_at,
        took: Duration::from_micros(12_345),
        outcome: Outcome::Answered(Answer {
            status,
            headers: [
                ("content-type", "text/plain"),
                ("set-cookie", "a=1"),
                ("set-cookie", "b=2"),
            ]
            .into_iter()
            .collect(),
            body: Bytes::copy_from_slice(body),
            size: body.len() as u64,
            first_byte: Duration::from_millis(12),
        }),
    };
    kept.attempts.push(Arc::new(attempt));
}

fn failed(kept: &mut Kept) {
    let attempt = Attempt {
        delivery: kept.delivery.id,
        n: u32::try_from(kept.attempts.len()).unwrap() + 1,
        cause: Cause::Replay,
        target: "http://localhost:3000/a".into(),
        started_at: kept.delivery.request.received_at,
        took: Duration::from_micros(345),
        outcome: Outcome::Failed(Failure {
            code: FailureCode::Refused,
            message: "nothing listens there".into(),
            hint: "start it".into(),
        }),
    };
    kept.attempts.push(Arc::new(attempt));
}

fn samples() -> Vec<Kept> {
    let plain = received(
        "/hooks?a=%zz",
        vec![
            ("host", "a.example:4400"),
            ("x-a", "1"),
            ("x-b", "\u{e9}"),
            ("x-a", "2"),
        ],
        br#"{"event":"email.opened","u":"\u202e\/"}"#,
    );
    let mut two = kept(7, plain);
    two.marked = true;
    failed(&mut two);
    answered(&mut two, 200, b"OK\n");
    let mut binary = kept(8, received("/", vec![], b"\xff\x00\r\n"));
    answered(&mut binary, 299, b"\xfe");
    vec![
        two,
        binary,
        kept(9, received("/x", vec![("x-empty", "")], b"")),
    ]
}

#[test]
fn json_lines_read_back_whole() {
    let samples = samples();
    let mut text = Vec::new();
    for kept in &samples {
        json::write_line(kept, None, &mut text).unwrap();
    }
    assert_eq!(deliveries("a", &text).unwrap(), samples);
    // As one list, which is what `list --json` writes, and after a byte-order mark.
    let lines: Vec<_> = std::str::from_utf8(&text).unwrap().lines().collect();
    let list = format!("\u{feff}[\n{}\n]\n", lines.join(",\n"));
    assert_eq!(deliveries("a", list.as_bytes()).unwrap(), samples);
}

#[test]
fn a_listeners_lines_are_brought_together() {
    let samples = samples();
    let mut text = br#"{"type":"ready","v":1}"#.to_vec();
    text.push(b'\n');
    let line = |object: &crate::wire::Object<'_>, text: &mut Vec<u8>| {
        object.write_line(text).unwrap();
    };
    for kept in &samples {
        line(&(&*kept.delivery).into(), &mut text);
    }
    for attempt in samples.iter().flat_map(|kept| &kept.attempts) {
        line(&(&**attempt).into(), &mut text);
    }
    let mut stray = (*samples[0].attempts[0]).clone();
    stray.delivery = 1;
    line(&(&stray).into(), &mut text);
    text.extend_from_slice(b"{\"type\":\"stopped\"}\n");
    let mut expected = samples;
    expected[0].marked = false;
    assert_eq!(deliveries("a", &text).unwrap(), expected);
}

#[test]
fn har_reads_back() {
    let samples = samples();
    let mut text = Vec::new();
    har::write(&samples, None, &mut text).unwrap();
    assert_eq!(deliveries("a.har", &text).unwrap(), samples);
}

#[test]
fn har_of_other_programs_is_read() {
    let text = br#"{"log":{"version":"1.2","creator":{},"pages":[],"entries":[
        {"startedDateTime":"2026-11-24T11:32:07.123+01:00","time":12.5,
         "request":{"method":"POST","url":"https://example.com?x=1#top","httpVersion":"h2",
           "headers":[{"name":":method","value":"POST"},{"name":"X-Name","value":"1"}],
           "postData":{"mimeType":"application/json","text":"{\"event\":\"e\"}"},"bodySize":13},
         "response":{"status":204,"headers":[{"name":"Set-Cookie","value":"a=1\nb=2"}],
           "content":{"size":0,"mimeType":""}},"timings":{"wait":-1}},
        {"startedDateTime":"2026-11-24T10:32:07Z","request":{"method":"GET","url":"data:,x"}},
        {"startedDateTime":"2026-11-24T10:32:07Z","request":{"method":"GET","url":"http://a/b"},
         "response":{"status":0}}]}}"#;
    let found = deliveries("a", text).unwrap();
    assert_eq!(found.len(), 2);
    let first = &found[0].delivery.request;
    assert_eq!(&*first.path_and_query, "/?x=1");
    assert_eq!(first.headers.get("x-name"), Some(b"1".as_slice()));
    assert_eq!(first.event.as_deref(), Some("e"));
    assert_eq!(first.received_at.to_string(), "2026-11-24T10:32:07.123Z");
    let attempt = &found[0].attempts[0];
    assert_eq!(attempt.status(), Some(204));
    assert_eq!(attempt.took, Duration::from_micros(12_500));
    let Outcome::Answered(answer) = &attempt.outcome else {
        panic!("it was answered");
    };
    assert_eq!(answer.headers.get_all("set-cookie").count(), 2);
    assert!(found[1].attempts.is_empty());
}

#[test]
fn fixtures_read_back_but_for_what_they_leave_out() {
    let mut text = Vec::new();
    let samples = samples();
    for kept in &samples {
        fixture::write(kept, None, &mut text).unwrap();
    }
    let found = deliveries("a", &text).unwrap();
    assert_eq!(found.len(), samples.len());
    for (found, sample) in found.iter().zip(&samples) {
        let mut expected = sample.delivery.request.clone();
        expected.peer = "127.0.0.1:0".into();
        let expected_headers = expected.headers.iter().collect::<Vec<_>>();
        let headers = found.delivery.request.headers.iter().collect::<Vec<_>>();
        for (name, _) in &expected_headers {
            let of = |fields: &[(&str, &[u8])]| {
                fields
                    .iter()
                    .filter(|(n, _)| n == name)
                    .map(|(_, v)| v.to_vec())
                    .collect::<Vec<_>>()
            };
            assert_eq!(of(&headers), of(&expected_headers));
        }
        expected.headers = found.delivery.request.headers.clone();
        assert_eq!(found.delivery.request, expected);
        match (found.newest(), sample.newest()) {
            (Some(found), Some(sample)) => {
                let (Outcome::Answered(found), Outcome::Answered(sample)) =
                    (&found.outcome, &sample.outcome)
                else {
                    panic!("both were answered");
                };
                assert_eq!(
                    (found.status, &found.headers, &found.body),
                    (sample.status, &sample.headers, &sample.body)
                );
            }
            (None, None) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_throw_away_secret_is_checked_and_not_believed() {
    let body = br#"{"event":"email.sent"}"#;
    let secret = Secret::new(THROW_AWAY, None, "for nothing").unwrap();
    let signature = secret.sign(Scheme::ApiBase64, body);
    let valid = Verdict::Valid {
        scheme: Scheme::ApiBase64,
        secret: THROW_AWAY.into(),
    };
    let mut request = received("/", vec![("x-signature", &signature)], body);
    request.verdict = valid.clone();
    let kept = kept(1, request);
    for (noted, expected) in [("for nothing", "valid"), ("another", "invalid")] {
        let (mut a, mut b, mut c) = (Vec::new(), Vec::new(), Vec::new());
        fixture::write(&kept, Some(noted), &mut a).unwrap();
        json::write_line(&kept, Some(noted), &mut b).unwrap();
        har::write(std::slice::from_ref(&kept), Some(noted), &mut c).unwrap();
        for text in [a, b, c] {
            let found = deliveries("a", &text).unwrap();
            let verdict = &found[0].delivery.request.verdict;
            assert_eq!(verdict.status(), expected);
            assert_eq!(*verdict == valid, expected == "valid");
        }
    }
    let (mut a, mut b) = (Vec::new(), Vec::new());
    fixture::write(&kept, None, &mut a).unwrap();
    json::write_line(&kept, None, &mut b).unwrap();
    for text in [a, b] {
        let found = deliveries("a", &text).unwrap();
        assert_eq!(found[0].delivery.request.verdict, Verdict::Unchecked);
    }
}

#[test]
fn mistakes_are_named_with_their_place() {
    let fixture = |request: &str| {
        format!(
            "\n{{\n  \"cmhook_fixture\": 1,\n  \"received_at\": \"2026-11-24T10:32:07Z\",\n  \"request\": {request}\n}}"
        )
    };
    let request =
        |more: &str| fixture(&format!("{{\"method\": \"POST\", \"path\": \"/a\"{more}}}"));
    for (text, said) in [
        (String::new(), "`f`, line 1: there is no delivery in it"),
        ("curl 'http://x'".into(), "`f`, line 1: it is not JSON: expected value"),
        ("{}".into(), "`f`, line 1: it is neither a fixture, nor HAR, nor a line of JSON with a `type`"),
        ("\n\n7".into(), "`f`, line 3: it is neither a fixture, nor HAR, nor a line of JSON with a `type`"),
        ("{\"type\":\"ready\"}\n{\"type\":".into(), "`f`, line 2: it is not JSON: EOF while parsing a value"),
        ("{\"type\":\"ready\"}\n\n{\"type\":\"delivery\",\"id\":1}".into(), "`f`, line 3: missing field `received_at`"),
        ("[{\"type\":\"ready\"},\n{\"type\":\"delivery\"}]".into(), "`f`, line 2: `[1]`: missing field `id`"),
        ("[[]]".into(), "`f`, line 1: `[0]`: a list stands in the list"),
        (request(",\"body\":\"a\",\"body_base64\":\"\""), "`f`, line 2: `request`: `body` and `body_base64` exclude each other"),
        (request(",\"boddy\":\"a\""), "`f`, line 5: `request.boddy`: unknown field `boddy`, expected one of `method`, `path`, `headers`, `body`, `body_base64`"),
        (request(",\"headers\":{\"x-a\":\"a\\r\\nb: c\"}"), "`f`, line 5: `request.headers`: the header `x-a` has a value with a control character in it"),
        (request(",\"headers\":{\"x-a\":[\"a\\u0000\"]}"), "`f`, line 5: `request.headers`: the header `x-a` has a value with a control character in it"),
        (request(",\"headers\":{\"x-a\":{\"base64\":\"DQo=\"}}"), "`f`, line 5: `request.headers`: the header `x-a` has a value with a control character in it"),
        (request(",\"headers\":{\"x a\":\"\"}"), "`f`, line 5: `request.headers`: `x a` is not the name of a header"),
        (request(",\"headers\":{\"x\":1}"), "`f`, line 5: `request.headers.x`: invalid type: integer `1`, expected a header's value: a text, a list of texts, or {\"base64\": \"…\"}"),
        (fixture("{\"method\":\"A B\",\"path\":\"/\"}"), "`f`, line 2: `request`: `A B` is not a method"),
        (fixture("{\"method\":\"A\",\"path\":\"/a HTTP/1.1\"}"), "`f`, line 2: `request`: the path `/a HTTP/1.1` has a space or a control character in it"),
        (fixture("{\"method\":\"A\",\"path\":\"http://a/\"}"), "`f`, line 2: `request`: the path `http://a/` does not begin with `/`"),
        (r#"{"cmhook_fixture":2,"received_at":"2026-11-24T10:32:07Z","request":{"method":"A","path":"/"}}"#.into(), "`f`, line 1: `cmhook_fixture`: version 2 is not known to this cmhook, which knows 1"),
        (r#"{"log":{"entries":[{"startedDateTime":"2026-11-24T10:32:07Z","request":{"method":"A","url":"http://a/","bodySize":5}}]}}"#.into(), "`f`, line 1: `log.entries[0].request.postData`: the body of 5 bytes is not in the file; its writer left it out"),
        (r#"{"log":{"entries":[{"startedDateTime":"2026-11-24T10:32:07Z","request":{"method":"A"}}]}}"#.into(), "`f`, line 1: `log.entries[0].request`: missing field `url`"),
    ] {
        assert_eq!(deliveries("f", text.as_bytes()).unwrap_err().to_string(), said, "{text}");
    }
}

#[test]
fn hostile_files_are_bounded() {
    let deep = "[".repeat(1_000_000);
    assert!(deliveries("a", deep.as_bytes()).is_err());
    let deep = format!(
        "{{\"type\":\"delivery\",\"x\":{}{}}}",
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    assert!(deliveries("a", deep.as_bytes()).is_err());
    let deep = format!(
        "{{\"cmhook_fixture\":{}{}}}",
        "[".repeat(500_000),
        "]".repeat(500_000)
    );
    assert!(deliveries("a", deep.as_bytes()).is_err());
    let many = format!("{{\"type\":\"ready\",\"x\":[{}0]}}", "0,".repeat(600_000));
    let error = deliveries("a", many.as_bytes()).unwrap_err();
    assert_eq!(error.problem, "it holds too many values");
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = deliveries("a", &bytes);
    }

    #[test]
    fn a_changed_file_is_read_or_refused(
        format in 0..3,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut text = Vec::new();
        match format {
            0 => har::write(&samples(), None, &mut text).unwrap(),
            1 => fixture::write(&samples()[0], None, &mut text).unwrap(),
            _ => json::write_line(&samples()[0], None, &mut text).unwrap(),
        }
        for (at, byte) in changes {
            let at = at.index(text.len());
            text[at] = byte;
        }
        let lines = text.split(|b| *b == b'\n').count();
        if let Err(error) = deliveries("a", &text) {
            prop_assert!(error.line >= 1 && error.line <= lines, "{error}");
            // What is wrong with a time ends with the byte that is.
            let problem = error.problem.trim_end_matches("but got .");
            prop_assert!(!problem.is_empty() && !problem.ends_with('.'));
        }
    }

    #[test]
    fn every_body_and_header_survives_a_fixture(
        body in proptest::collection::vec(any::<u8>(), 0..60),
        value in proptest::collection::vec(0x20u8..0x7f, 0..9).prop_map(|mut v| { v.push(0xe9); v }),
        path in "/[!-~]{0,20}",
    ) {
        let mut request = received(&path, vec![], &body);
        request.headers = [("x-a", &value)].into_iter().collect();
        let kept = kept(0, request);
        let mut text = Vec::new();
        fixture::write(&kept, None, &mut text).unwrap();
        let found = deliveries("a", &text).unwrap();
        prop_assert_eq!(&found[0].delivery.request.body, &kept.delivery.request.body);
        prop_assert_eq!(&found[0].delivery.request.headers, &kept.delivery.request.headers);
        prop_assert_eq!(&found[0].delivery.request.path_and_query, &kept.delivery.request.path_and_query);
    }
}

#[test]
fn the_example_in_the_documentation_is_a_fixture() {
    let page = include_str!("../../../docs/fixtures.md");
    let example = page
        .split("```json\n")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let found = deliveries("docs", example.unwrap().as_bytes()).unwrap();
    assert_eq!(
        found[0].delivery.request.event.as_deref(),
        Some("email.bounced")
    );
    assert_eq!(found[0].newest().and_then(Attempt::status), Some(200));
}
