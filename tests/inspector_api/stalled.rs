//! Pages that do not read, and lists that are long.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::kit::Inspector;
use crate::socket::Socket;
use crate::support::raw::{Connection, request};

/// Bytes of memory that are resident now.
fn resident(pid: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.expect("a number of KiB") << 10
}

/// Sends so many deliveries with a long path on one connection; the longest wait.
fn send(inspector: &Inspector, deliveries: usize) -> Duration {
    let line = format!("POST /{}", "x".repeat(250));
    let request = request(&line, "", b"{}");
    let mut connection = Connection::open(inspector.listener.address());
    let waits = (0..deliveries).map(|_| {
        let begin = Instant::now();
        connection.send(&request);
        assert_eq!(connection.answer().status(), 200);
        begin.elapsed()
    });
    waits.max().unwrap_or_default()
}

#[test]
fn a_page_that_does_not_read_holds_up_nobody_and_is_let_go_of() {
    const SENT: usize = 12_000;
    const MIB: usize = 1 << 20;
    let inspector = Inspector::start(&["--ephemeral", "--keep", "1000"]);
    let pid = inspector.listener.process.id();
    send(&inspector, 1000);
    let before = resident(pid);
    let mut stalled: Vec<_> = (0..8).map(|_| Socket::open(&inspector)).collect();
    let longest = send(&inspector, SENT - 1000);
    let more = resident(pid).saturating_sub(before);
    println!(
        "8 sockets unread: {} MiB more, {longest:?} at most",
        more / MIB
    );
    assert!(more < 48 * MIB, "{} MiB", more / MIB);
    assert!(longest < Duration::from_secs(2), "{longest:?}");
    // One that reads now sees where it was cut off.
    for socket in &mut stalled {
        let mut last = Value::Null;
        while let Some(frame) = socket.try_next() {
            assert_ne!(frame["type"], "bye");
            let rows = frame["deliveries"].as_array().cloned().unwrap_or_default();
            last = rows.last().map_or(last, |row| row["id"].clone());
        }
        assert!(last != Value::Null && last != SENT, "{last}");
    }
    // And one that begins anew has all.
    let mut socket = Socket::open(&inspector);
    let rows = socket.next()["deliveries"].clone();
    assert_eq!(
        rows.as_array().and_then(|rows| rows.last()).expect("a row")["id"],
        SENT
    );
    inspector.listener.stop();
}

/// The length of a snapshot of all this, in JSON as it is sent.
fn snapshot(inspector: &Inspector) -> (usize, Value) {
    let mut socket = Socket::open(inspector);
    let text = socket.next_text();
    (text.len(), serde_json::from_str(&text).expect("JSON"))
}

#[test]
fn a_snapshot_of_ten_thousand_is_short_and_pages_reach_the_rest() {
    let inspector = Inspector::start(&["--ephemeral"]);
    send(&inspector, 10_000);
    let (length, frame) = snapshot(&inspector);
    assert!(length < 264 << 10, "{length} bytes");
    assert_eq!(frame["more"], true);
    let rows = frame["deliveries"].as_array().expect("rows");
    let mut before = rows[0]["id"].clone();
    let mut ids: Vec<_> = rows.iter().map(|row| row["id"].clone()).collect();
    assert!(ids.len() > 300, "{}", ids.len());
    while !before.is_null() {
        let page = inspector.get(&format!("/api/v1/deliveries?before={before}&limit=1000"));
        let more = page["deliveries"].as_array().expect("rows").iter();
        let more: Vec<_> = more.map(|row| row["id"].clone()).collect();
        ids.splice(0..0, more);
        before = page["before"].clone();
    }
    let all: Vec<_> = (1..=10_000).map(|id| json!(id)).collect();
    assert_eq!(ids, all);
}

#[test]
fn names_that_take_much_room_in_json_do_not_make_it_long() {
    let mut inspector = Inspector::start(&["--ephemeral"]);
    let event = json!({"event": "\u{1}".repeat(128)}).to_string();
    for _ in 0..600 {
        inspector.deliver(None, &event);
    }
    let (length, frame) = snapshot(&inspector);
    assert!(length < 264 << 10, "{length} bytes");
    assert_eq!(frame["more"], true);
}

#[test]
fn refusals_of_long_requests_leave_the_socket_open() {
    let mut inspector = Inspector::start(&["--ephemeral", "--max-body", "1"]);
    let mut socket = Socket::open(&inspector);
    socket.find("snapshot");
    // All within one frame, which is made every 33 ms.
    let line = format!("POST /{}", "x".repeat(60_000));
    let mut connections: Vec<_> = (0..50)
        .map(|_| Connection::open(inspector.listener.address()))
        .collect();
    let request = request(&line, "", b"{}");
    for connection in &mut connections {
        connection.send(&request);
    }
    let mut refused = 0;
    while refused < 50 {
        let frame = socket.find("changes");
        for one in frame["refused"].as_array().expect("a list") {
            assert_eq!(one["code"], "body_too_large");
            let text = one["request"].as_str().expect("a request");
            assert!(text.chars().count() <= 257, "{} characters", text.len());
            refused += 1;
        }
    }
    let id = inspector.deliver_bytes("POST /", b"");
    socket.row(id, |_| true);
}

#[test]
fn a_filter_for_duplicates_looks_at_each_payload_once() {
    let mut inspector = Inspector::start(&["--ephemeral"]);
    let body = vec![b'x'; 1 << 20];
    for at in 0..48 {
        inspector.deliver_bytes(&format!("POST /{at}"), &body);
    }
    let mut socket = Socket::open(&inspector);
    socket.say(&json!({"filter": "is:duplicate"}));
    assert_eq!(socket.find("filtered")["ids"], json!([]));
    let begin = Instant::now();
    for round in 0..30 {
        let id = inspector.deliver_bytes("POST /again", b"{}");
        let side = if round == 0 { "no" } else { "yes" };
        socket.find_that("matches", |frame| {
            let ids = frame[side].as_array();
            ids.is_some_and(|ids| ids.contains(&id.into()))
        });
    }
    let took = begin.elapsed();
    println!("{took:?}");
    assert!(took < Duration::from_secs(6), "{took:?}");
}

#[test]
fn neither_idle_nor_unread_connections_keep_it_from_stopping() {
    let mut inspector = Inspector::start(&["--ephemeral"]);
    let id = inspector.deliver_bytes("POST /long", &vec![b'x'; 20 << 20]);
    let mut stalled = Socket::open(&inspector);
    assert_eq!(stalled.next()["type"], "snapshot");
    let head = format!(
        "Host: {}\r\nAuthorization: Bearer {}\r\n",
        inspector.api, inspector.token
    );
    let idle = Connection::open(inspector.api);
    let mut half = Connection::open(inspector.api);
    half.send(format!(
        "POST /api/v1/send HTTP/1.1\r\n{head}Content-Length: 100\r\n\r\n{{"
    ));
    let mut unread = Connection::open(inspector.api);
    unread.send(format!(
        "GET /api/v1/deliveries/{id}/body HTTP/1.1\r\n{head}\r\n"
    ));
    assert_eq!(unread.answer_head().status(), 200);
    let begin = Instant::now();
    inspector.listener.stop();
    let took = begin.elapsed();
    println!("{took:?}");
    assert!(took < Duration::from_secs(8), "{took:?}");
    drop((idle, half, unread));
}
