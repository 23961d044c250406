//! What is not taken in: too large, malformed or broken off. It is never acknowledged, never
//! forwarded, and always shown.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::listener::Listener;
use crate::support::raw::{Connection, RawApp, request};

/// What a listener says of something that it refused. It is stopped, and must have taken
/// nothing else in and forwarded nothing.
#[track_caller]
fn refusal(mut listener: Listener, app: &RawApp) -> Value {
    let refused = listener.next("refused");
    let stopped = listener.stop();
    assert_eq!(stopped["received"], 0, "{refused}");
    assert_eq!(stopped["refused"], 1, "{refused}");
    assert!(app.is_idle(), "it reached the app: {refused}");
    refused
}

fn start(app: &RawApp, arguments: &[&str]) -> (Listener, Connection) {
    let target = app.target();
    let listener = Listener::start(&[&["--ephemeral", &target], arguments].concat());
    let connection = Connection::open(listener.address());
    (listener, connection)
}

#[test]
fn expect_is_answered_at_once_and_not_passed_on() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &[]);
    for framing in ["Content-Length: 5", "Transfer-Encoding: chunked"] {
        let begin = Instant::now();
        connection.send(format!(
            "POST / HTTP/1.1\r\nHost: hooks.test\r\n{framing}\r\nExpect: 100-continue\r\n\r\n"
        ));
        assert_eq!(connection.answer().status(), 100);
        let took = begin.elapsed();
        assert!(took < Duration::from_secs(1), "100 took {took:?}");
        connection.send(if framing.contains("chunked") {
            "5\r\nhello\r\n0\r\n\r\n"
        } else {
            "hello"
        });
        assert_eq!(connection.answer().status(), 200);
        let seen = app.next();
        assert_eq!(seen.body, b"hello");
        assert!(seen.all("expect").is_empty());
    }
    listener.stop();
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_before_it_is_sent() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &["--max-body", "1000"]);
    let begin = Instant::now();
    connection.send(
        "POST /large HTTP/1.1\r\nHost: hooks.test\r\nContent-Length: 1001\r\nExpect: 100-continue\r\n\r\n",
    );
    assert_eq!(connection.answer().status(), 413, "no 100 before it");
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(2), "413 took {took:?}");
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "body_too_large");
    assert_eq!(refused["request"], "POST /large");
}

#[test]
fn the_limit_of_a_body_is_exact() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &["--max-body", "1000"]);
    connection.send(request("POST /", "", &[b'x'; 1000]));
    assert_eq!(connection.answer().status(), 200);
    assert_eq!(app.next().body.len(), 1000);
    connection.send(request("POST /", "", &[b'x'; 1001]));
    assert_eq!(connection.answer().status(), 413);
    assert_eq!(listener.stop()["received"], 1);
    assert!(app.is_idle());
}

/// More than a socket's buffers hold, so that a sender that writes everything first would be
/// stuck or reset if nobody read it.
const LARGE: usize = 12 << 20;

#[test]
fn a_large_sized_body_is_413_even_to_who_writes_everything_first() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &["--max-body", "1MB"]);
    connection.send(request("POST /large", "", &vec![0; LARGE]));
    let answer = connection.answer();
    assert_eq!(answer.status(), 413);
    assert!(answer.text().contains("--max-body"), "{}", answer.text());
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "body_too_large");
    assert_eq!(refused["status"], 413);
}

#[test]
fn a_large_chunked_body_is_413_even_to_who_writes_everything_first() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &["--max-body", "1MB"]);
    connection
        .send("POST /large HTTP/1.1\r\nHost: hooks.test\r\nTransfer-Encoding: chunked\r\n\r\n");
    let mut chunk = format!("{:x}\r\n", 64 << 10).into_bytes();
    chunk.resize(chunk.len() + (64 << 10), b'x');
    chunk.extend_from_slice(b"\r\n");
    for _ in 0..LARGE / (64 << 10) {
        connection.send(&chunk);
    }
    connection.send("0\r\n\r\n");
    assert_eq!(connection.answer().status(), 413);
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "body_too_large");
    assert_eq!(refused["request"], "POST /large");
}

#[test]
fn a_header_block_over_64_kib_is_431() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &[]);
    let value = "x".repeat(66 << 10);
    connection.send(format!("POST /wide HTTP/1.1\r\nX-Large: {value}\r\n\r\n"));
    assert_eq!(connection.answer().status(), 431);
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "headers_too_large");
    assert_eq!(refused["request"], "POST /wide");
}

#[test]
fn sixty_kib_of_header_and_a_hundred_fields_are_fine() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &[]);
    let value = "x".repeat(60 << 10);
    let fields = format!("X-Large: {value}\r\n{}", "X-Many: 1\r\n".repeat(97));
    connection.send(request("POST /", &fields, b"{}"));
    assert_eq!(connection.answer().status(), 200);
    let seen = app.next();
    assert_eq!(seen.all("x-many").len(), 97);
    assert_eq!(seen.one("x-large").map(|value| value.len()), Some(60 << 10));
    listener.stop();
}

#[test]
fn more_than_a_hundred_fields_are_refused_and_shown() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &[]);
    connection.send(request("POST /many", &"X-Many: 1\r\n".repeat(101), b""));
    assert_eq!(connection.answer().status(), 431);
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "headers_too_large");
    assert_eq!(refused["request"], "POST /many");
}

#[test]
fn what_is_not_http_is_refused_and_shown() {
    for (sent, line) in [
        ("GET\r\n\r\n", "GET"),
        ("POST / HTTP/9.9\r\n\r\n", "POST /"),
        ("POST /spaced target HTTP/1.1\r\n\r\n", "POST /spaced"),
        // RFC 3986 leaves no place for these, and the parser insists on it.
        ("POST /raw?a=\"b\" HTTP/1.1\r\n\r\n", "POST /raw?a=\"b\""),
        ("POST /raw?<a> HTTP/1.1\r\n\r\n", "POST /raw?<a>"),
        ("POST /name HTTP/1.1\r\nBad Name: x\r\n\r\n", "POST /name"),
        ("POST /nul HTTP/1.1\r\nX: a\0b\r\n\r\n", "POST /nul"),
        (
            "POST /length HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
            "POST /length",
        ),
        (
            "POST /two HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
            "POST /two",
        ),
        (
            "POST /coding HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nab",
            "POST /coding",
        ),
    ] {
        let app = RawApp::saying("OK");
        let (listener, mut connection) = start(&app, &[]);
        connection.send(sent);
        assert_eq!(connection.answer().status(), 400, "{sent:?}");
        assert_eq!(connection.rest(), b"", "{sent:?}");
        let refused = refusal(listener, &app);
        assert_eq!(refused["code"], "malformed", "{sent:?}: {refused}");
        assert_eq!(refused["request"], line, "{sent:?}");
    }
}

#[test]
fn chunks_that_are_not_framed_right_are_refused_and_shown() {
    for chunks in [
        "zz\r\nabc\r\n0\r\n\r\n",
        "3\r\nabcdef\r\n0\r\n\r\n",
        "-3\r\n",
        "fffffffffffffffff\r\n",
    ] {
        let app = RawApp::saying("OK");
        let (listener, mut connection) = start(&app, &[]);
        connection.send(format!(
            "POST /chunks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"
        ));
        assert_eq!(connection.answer().status(), 400, "{chunks:?}");
        let refused = refusal(listener, &app);
        assert_eq!(refused["code"], "malformed", "{chunks:?}: {refused}");
        assert_eq!(refused["request"], "POST /chunks");
    }
}

#[test]
fn tls_to_the_plain_port_is_refused_and_explained() {
    let app = RawApp::saying("OK");
    let (listener, connection) = start(&app, &[]);
    let mut client = rustls::ClientConnection::new(
        rustls::ClientConfig::builder_with_provider(
            rustls::crypto::ring::default_provider().into(),
        )
        .with_safe_default_protocol_versions()
        .expect("ring knows them")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth()
        .into(),
        "hooks.test".try_into().expect("a name"),
    )
    .expect("a client");
    let mut hello = Vec::new();
    client.write_tls(&mut hello).expect("memory");
    let mut connection = connection;
    connection.send(hello);
    assert_eq!(connection.rest(), b"");
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "malformed");
    let reason = refused["reason"].as_str().expect("text");
    assert!(reason.contains("http://"), "{reason}");
}

/// The beginnings of a delivery whose end never comes.
const TRUNCATED: [&str; 3] = [
    "Content-Length: 100\r\n\r\n{\"event\":",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    "Transfer-Encoding: chunked\r\n\r\n50\r\nhello",
];

#[test]
fn a_truncated_body_is_never_acknowledged_nor_forwarded() {
    for body in TRUNCATED {
        let app = RawApp::saying("OK");
        let (listener, mut connection) = start(&app, &[]);
        connection.send(format!("POST /half HTTP/1.1\r\nHost: x\r\n{body}"));
        connection.finish();
        let answer = String::from_utf8(connection.rest()).expect("UTF-8");
        assert!(!answer.contains("200 OK"), "{body:?}: {answer}");
        let refused = refusal(listener, &app);
        assert_eq!(refused["code"], "incomplete", "{body:?}: {refused}");
        assert_eq!(refused["request"], "POST /half");
    }
}

#[test]
fn a_sender_that_is_cut_off_is_not_acknowledged_either() {
    for body in TRUNCATED {
        let app = RawApp::saying("OK");
        let (listener, mut connection) = start(&app, &[]);
        // The 100 says that the body is being read.
        connection.send("POST /half HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n");
        let (fields, begin) = body.split_once("\r\n\r\n").expect("a body");
        connection.send(format!("{fields}\r\n\r\n"));
        assert_eq!(connection.answer().status(), 100);
        connection.send(begin);
        connection.reset();
        let refused = refusal(listener, &app);
        assert_eq!(refused["code"], "incomplete", "{body:?}: {refused}");
        assert_eq!(refused["request"], "POST /half");
    }
}

#[test]
fn half_a_header_block_is_shown_as_incomplete() {
    let app = RawApp::saying("OK");
    let (listener, mut connection) = start(&app, &[]);
    connection.send("POST /head HTTP/1.1\r\nHost: x\r\nConte");
    connection.finish();
    assert!(!connection.rest().starts_with(b"HTTP/1.1 2"));
    let refused = refusal(listener, &app);
    assert_eq!(refused["code"], "incomplete", "{refused}");
    assert_eq!(refused["request"], "POST /head");
}
