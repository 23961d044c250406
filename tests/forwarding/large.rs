//! Answers that are larger than what is kept of them.

use std::io::Write as _;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::listening;
use crate::support::raw::{Connection, RawApp, Then, ask, ok, request};

const KEPT: usize = 1 << 20;
const LARGE: usize = 20_000_000;

/// Bytes that no encoding and no shift leaves alone.
fn noise(length: usize) -> &'static [u8] {
    static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        };
        let all = std::iter::repeat_with(next).take(LARGE / 8 + 1);
        all.flatten().collect()
    });
    &NOISE[..length]
}

/// An app that answers `/sized/N`, `/chunked/N` and `/ended/N` with that many bytes.
fn app() -> RawApp {
    RawApp::serving(Duration::from_secs(30), |request, stream| {
        let target = request.target();
        let mut words = target.split('/').skip(1);
        let framing = words.next().unwrap_or_default();
        let length = words.next().and_then(|n| n.parse().ok()).unwrap_or(0);
        let body = noise(length);
        match framing {
            "sized" => stream.write_all(&ok(body))?,
            "chunked" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
                for chunk in body.chunks(70_001) {
                    stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
                    stream.write_all(chunk)?;
                    stream.write_all(b"\r\n")?;
                }
                stream.write_all(b"0\r\n\r\n")?;
            }
            "ended" => {
                stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n")?;
                stream.write_all(body)?;
                return Ok(Then::Close);
            }
            _ => stream.write_all(&ok(b"small"))?,
        }
        Ok(Then::GoOn)
    })
}

#[test]
fn every_byte_reaches_the_sender_and_the_first_mebibyte_is_kept() {
    let app = app();
    let mut listener = listening(&app.target(), &[]);
    let mut connection = Connection::open(listener.address());
    for framing in ["sized", "chunked", "ended"] {
        for length in [0, 1, KEPT - 1, KEPT, KEPT + 1, LARGE] {
            let what = format!("{framing} {length}");
            connection.send(request(&format!("POST /{framing}/{length}"), "", b"{}"));
            let answer = connection.answer();
            assert_eq!(answer.status(), 200, "{what}");
            let body = noise(length);
            assert!(answer.body == body, "{what}: other bytes");
            if framing == "sized" {
                let announced = answer.one("content-length");
                assert_eq!(announced, Some(length.to_string()), "{what}");
            }
            let delivery = listener.delivery();
            let response = &listener.attempt(&delivery)["response"];
            assert_eq!(response["size"], length, "{what}");
            assert_eq!(response["truncated"], length > KEPT, "{what}");
            let kept = response["body"].as_str().expect("a body");
            let kept = match response["body_encoding"].as_str() {
                Some("base64") => STANDARD.decode(kept).expect("base64"),
                _ => kept.as_bytes().to_vec(),
            };
            assert!(kept == body[..length.min(KEPT)], "{what}: other bytes kept");
        }
    }
    listener.stop();
}

#[test]
fn a_sender_that_reads_slowly_holds_nobody_up_and_gets_it_all() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    // Making it takes longer than that.
    let body = noise(LARGE);
    let app = app();
    let mut listener = listening(&app.target(), &["--timeout", "1s"]);
    let mut slow = Connection::open(listener.address());
    slow.send(request(&format!("POST /sized/{LARGE}"), "", b"{}"));
    // It has begun, and more of it waits than the sockets hold.
    assert_eq!(slow.answer_head().status(), 200);

    // While it reads nothing, for longer than the app may be silent.
    let until = Instant::now() + 2 * TIMEOUT;
    let mut others = 0;
    while Instant::now() < until {
        let begin = Instant::now();
        let answer = ask(listener.address(), request("POST /small", "", b"{}"));
        assert_eq!(answer.text(), "small");
        assert!(begin.elapsed() < Duration::from_secs(5));
        others += 1;
    }
    assert!(others > 20, "only {others} went through meanwhile");
    assert!(slow.body(LARGE) == body, "other bytes");
    let large = listener.process.stdout.find("the large attempt", |line| {
        line.contains(&format!("\"size\":{LARGE}"))
            .then(|| crate::support::listener::object(line))
    });
    assert_eq!(large["outcome"], "answered", "{}", large["error"]);
    listener.stop();
}

#[test]
fn a_sender_that_leaves_in_the_middle_leaves_a_record_and_no_harm() {
    let app = app();
    let mut listener = listening(&app.target(), &[]);
    for _ in 0..5 {
        let mut leaving = Connection::open(listener.address());
        leaving.send(request(&format!("POST /sized/{LARGE}"), "", b"{}"));
        assert_eq!(leaving.answer_head().status(), 200);
        leaving.reset();
        let delivery = listener.delivery();
        let attempt = listener.attempt(&delivery);
        assert_eq!(attempt["outcome"], "answered", "{}", attempt["error"]);
        assert_eq!(attempt["response"]["truncated"], true);
    }
    let answer = ask(listener.address(), request("POST /small", "", b"{}"));
    assert_eq!(answer.text(), "small");
    listener.stop();
}
