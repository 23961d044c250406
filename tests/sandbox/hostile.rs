//! Clients that are many, slow, old, large, or no clients at all.

use std::io::Write as _;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::raw::{Connection, ask};
use crate::support::sandbox::Sandbox;

/// It answers, and soon.
#[track_caller]
fn answers(sandbox: &Sandbox) {
    let begin = Instant::now();
    sandbox.fine("GET", "/sandbox", &Value::Null);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn idle_connections_make_room_for_new_ones() {
    let sandbox = Sandbox::start(&[]);
    // The test's own descriptors are a thousand or so.
    let mut idle = Vec::new();
    for round in 0..4 {
        for n in 0..500 {
            let mut stream = TcpStream::connect(sandbox.address()).expect("it listens");
            if n % 2 == 0 {
                let _ = stream.write_all(b"GET /sandbox HTTP/1.1\r\nHost: ");
            }
            idle.push(stream);
        }
        answers(&sandbox);
        if round < 3 {
            let kept = idle.len().min(300);
            idle.drain(..idle.len() - kept);
        }
    }
    // One that keeps asking is not closed for those that do not.
    let request = format!(
        "GET /sandbox HTTP/1.1\r\nHost: {}\r\n\r\n",
        sandbox.address()
    );
    let mut connection = Connection::open(sandbox.address());
    for _ in 0..50 {
        connection.send(&request);
        assert_eq!(connection.answer().status(), 200);
        for _ in 0..5 {
            drop(TcpStream::connect(sandbox.address()));
        }
    }
}

#[test]
fn what_is_no_request_is_refused_and_harms_nothing() {
    let sandbox = Sandbox::start(&[]);
    let host = format!("Host: {}\r\n", sandbox.address());
    let huge = format!("X-Huge: {}\r\n", "a".repeat(1 << 20));
    let many = "X-A: b\r\n".repeat(5000);
    for (bytes, status) in [
        (format!("GET /sandbox HTTP/1.0\r\n{host}\r\n"), Some(200)),
        ("GET /sandbox HTTP/1.0\r\n\r\n".into(), Some(403)),
        (format!("GET /sandbox HTTP/9.9\r\n{host}\r\n"), None),
        (
            format!("GET /sandbox HTTP/1.1\r\n{host}{huge}\r\n"),
            Some(431),
        ),
        (
            format!("GET /sandbox HTTP/1.1\r\n{host}{many}\r\n"),
            Some(431),
        ),
        (
            format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(70_000)),
            Some(414),
        ),
        (
            format!("POST /webhooks HTTP/1.1\r\n{host}Content-Length: -1\r\n\r\n"),
            Some(400),
        ),
        ("\u{16}\u{3}\u{1}\u{0}\u{ff}\u{0}\r\n\r\n".into(), None),
        ("nonsense\r\n\r\n".into(), None),
        ("\r\n".repeat(10), None),
    ] {
        let mut connection = Connection::open(sandbox.address());
        let _ = connection.try_send(&bytes);
        if status.is_none() {
            connection.finish();
        }
        let begin: String = bytes.chars().take(60).collect();
        match (connection.try_answer(), status) {
            (Ok(answer), Some(status)) => assert_eq!(answer.status(), status, "{begin:?}"),
            (Ok(answer), None) => assert!((400..600).contains(&answer.status()), "{begin:?}"),
            (Err(error), Some(_)) => panic!("{begin:?}: {error}"),
            (Err(_), None) => {}
        }
        answers(&sandbox);
    }
}

#[test]
fn a_body_that_is_too_large_is_answered_before_its_connection_ends() {
    let sandbox = Sandbox::start(&[]);
    let length = 30 << 20;
    let host = format!("Host: {}\r\n", sandbox.address());
    let head = format!("POST /sandbox/events HTTP/1.1\r\n{host}");
    let told = "at most 1 MiB (1048576 bytes)";
    let sized = format!("{head}Content-Length: {length}\r\n\r\n");
    let answer = ask(
        sandbox.address(),
        [sized.as_bytes(), &vec![b' '; length]].concat(),
    );
    assert_eq!(answer.status(), 413);
    assert!(answer.text().contains(told), "{}", answer.text());
    let chunks = "100000\r\n".to_owned() + &" ".repeat(1 << 20) + "\r\n";
    let chunked = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunks.repeat(8)
    );
    let answer = ask(sandbox.address(), chunked);
    assert_eq!(answer.status(), 413);
    // Who asks before sending it need not send it.
    let asking = format!("{head}Content-Length: {length}\r\nExpect: 100-continue\r\n\r\n");
    assert_eq!(ask(sandbox.address(), asking).status(), 413);
    // And the command says so, for a file and for what was put around its content.
    for (size, told) in [(30 << 20, "`data.json` is too large"), (1 << 20, told)] {
        let data = format!("\"{}\"", "a".repeat(size - 2));
        std::fs::write(sandbox.home().join("data.json"), data).unwrap();
        let output = sandbox.command(&["fire", "Email.Sent", "--data", "@data.json"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(told) && !output.status.success(), "{said}");
    }
    answers(&sandbox);
}

/// What a process takes of memory, in bytes: now, or the most that it has taken.
#[cfg(target_os = "linux")]
fn memory(sandbox: &Sandbox, field: &str) -> u64 {
    let path = format!("/proc/{}/status", sandbox.process.id());
    let status = std::fs::read_to_string(path).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.expect("a number of KiB") << 10
}

#[cfg(target_os = "linux")]
#[test]
fn many_large_events_take_little_memory() {
    let sandbox = Sandbox::start(&["--retries", "none"]);
    sandbox.register("Email.Sent", "http://127.0.0.1:9/");
    let large = "a".repeat(900_000);
    answers(&sandbox);
    let before = memory(&sandbox, "VmRSS:");
    for (event, what, status) in [
        ("Email.Opened", "payload", 200),
        ("Email.Opened", "data", 200),
        // These are more than is kept.
        ("Email.Sent", "payload", 503),
        ("Email.Sent", "data", 503),
    ] {
        let body = json!({"event": event, "count": 3000, what: large});
        let answer = sandbox.ask("POST", "/sandbox/events", &body);
        assert_eq!(answer.status(), status, "{event} {what}: {}", answer.text());
    }
    assert!(sandbox.deliveries().is_empty());
    let grown = memory(&sandbox, "VmHWM:") - before;
    println!("it took {} MiB more", grown >> 20);
    assert!(grown < 64 << 20, "it took {} MiB more", grown >> 20);
}

#[test]
fn ten_thousand_webhooks_are_listed_and_no_more_are_made() {
    let sandbox = Sandbox::start(&[]);
    let body = json!({"event": "Email.Sent", "url": "http://127.0.0.1:9/"}).to_string();
    let token = crate::support::sandbox::TOKEN;
    let request = format!(
        "POST /webhooks HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        sandbox.address(),
        body.len()
    );
    let mut connection = Connection::open(sandbox.address());
    for _ in 0..100 {
        connection.send(request.repeat(100));
        for _ in 0..100 {
            assert_eq!(connection.answer().status(), 200);
        }
    }
    connection.send(&request);
    assert!((400..500).contains(&connection.answer().status()));
    let begin = Instant::now();
    let last = sandbox.fine(
        "GET",
        "/webhooks?page=100&per_page=100&with_count=true",
        &Value::Null,
    );
    assert_eq!(last["data"].as_array().unwrap().len(), 100);
    assert_eq!(last["pagination"]["count"], 10_000, "{last}");
    assert!(
        begin.elapsed() < Duration::from_secs(10),
        "{:?}",
        begin.elapsed()
    );
}
