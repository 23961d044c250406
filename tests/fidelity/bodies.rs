//! Bodies of every size and kind, framed and signed in every way.

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use rusqlite::{Connection as Database, OpenFlags};

use crate::support::listener::{Listener, home};
use crate::support::raw::{self, Connection, RawApp};
use crate::support::sample::{Random, SECRET, Sample, digest};
use crate::support::sender::{Scheme, sign};
use crate::support::upstream::Upstream;

const COUNT: u64 = 10_000;
const SENDERS: u64 = 8;

#[test]
fn ten_thousand_bodies_reach_the_app_and_the_journal_unchanged() {
    let app = Upstream::answering(|_, body| Response::new(Full::new(Bytes::from(digest(body)))));
    let home = Rc::new(home());
    let listener = Listener::start_in(
        &home,
        &[
            "--quiet",
            "--keep",
            "20000",
            "--secret",
            SECRET,
            &app.target(),
        ],
    );
    let address = listener.address();

    let mut sent = HashMap::new();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|first| scope.spawn(move || send_every(first, address)))
            .collect();
        let mut reached = HashMap::new();
        for _ in 0..COUNT {
            let seen = app.next();
            let index = seen.parts.headers["x-index"].to_str().expect("a number");
            let index: u64 = index.parse().expect("a number");
            let before = reached.insert(index, digest(&seen.body));
            assert_eq!(before, None, "{index} reached the app twice");
        }
        for sender in senders {
            sent.extend(sender.join().expect("every delivery is answered"));
        }
        assert!(sent == reached, "not all that was sent is what the app got");
    });
    let store = listener.ready["store"]
        .as_str()
        .expect("a store")
        .to_owned();
    let stopped = listener.stop();
    assert_eq!(stopped["received"], COUNT);
    assert_eq!(stopped["unsaved"], 0);

    let database = Database::open_with_flags(store, OpenFlags::SQLITE_OPEN_READ_ONLY);
    let database = database.expect("the journal");
    let mut kept = database
        .prepare("SELECT path, verdict, body FROM deliveries")
        .expect("the table");
    let mut rows = kept.query([]).expect("rows");
    let mut count = 0;
    while let Some(row) = rows.next().expect("a row") {
        let path: String = row.get(0).expect("a path");
        let index: u64 = path[1..].parse().expect("a number");
        let body = row.get_ref(2).expect("a body").as_blob().expect("a blob");
        assert_eq!(digest(body), sent[&index], "body {index} in the journal");
        let verdict: String = row.get(1).expect("a verdict");
        assert_eq!(verdict, Sample::new(index).verdict, "verdict on {index}");
        count += 1;
    }
    assert_eq!(count, COUNT);
}

/// Sends a share of them on keep-alive connections, and gives the digests by number. The
/// app answers with the digest of what it got.
fn send_every(first: u64, to: SocketAddr) -> HashMap<u64, String> {
    let mut connection = Connection::open(to);
    let mut digests = HashMap::new();
    for index in (first..COUNT).step_by(usize::try_from(SENDERS).expect("a few")) {
        let sample = Sample::new(index);
        let sent = digest(&sample.body);
        // Making a large one takes a loaded machine longer than a connection may be idle.
        let fresh = index % 100 == first || sample.body.len() > 1 << 20;
        let request = sample.request("hooks.test", "", index);
        if fresh {
            connection = Connection::open(to);
        }
        connection.send(request);
        let answer = connection.answer();
        assert_eq!(answer.status(), 200, "{index}: {}", answer.text());
        assert_eq!(answer.text(), sent, "body {index} at the app");
        digests.insert(index, sent);
    }
    digests
}

/// A gzip file that a reader would blow up to about 1.3 GB: a zero byte, and then again and
/// again "258 bytes as the last one". That is in fixed Huffman codes (RFC 1951 section
/// 3.2.6) 13 bits each: 11000101 for the length, 00000 for the distance.
fn bomb() -> Vec<u8> {
    let mut bits = vec![true, true, false];
    bits.extend([false, false, true, true, false, false, false, false]);
    let mut bomb = b"\x1f\x8b\x08\0\0\0\0\0\0\xff".to_vec();
    let again = [1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0].map(|bit| bit == 1);
    for _ in 0..5_000_000 {
        bits.extend(again);
        let whole = bits.len() / 8 * 8;
        for byte in bits.drain(..whole).collect::<Vec<_>>().chunks(8) {
            let byte = byte
                .iter()
                .rev()
                .fold(0, |byte, bit| byte << 1 | u8::from(*bit));
            bomb.push(byte);
        }
    }
    // Its end and its checksum are missing, which a reader notices only afterwards.
    bomb
}

#[test]
fn compressed_bodies_are_not_touched_and_a_bomb_does_not_go_off() {
    let app = RawApp::saying("OK");
    let mut listener = Listener::start(&["--ephemeral", "--quiet", &app.target()]);
    let small = b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x01\x02\0\xfd\xffhi\xac*\x93\xd8\x02\0\0\0";
    let before = peak_of(listener.process.id());
    for body in [&small[..], &bomb()] {
        let fields = "Content-Encoding: gzip\r\nAccept-Encoding: br;q=0.1\r\n";
        let answer = raw::ask(listener.address(), raw::request("POST /", fields, body));
        assert_eq!(answer.status(), 200);
        let seen = app.next();
        assert!(seen.body == body, "the app got other bytes");
        assert_eq!(seen.one("content-encoding").as_deref(), Some("gzip"));
        assert_eq!(seen.one("accept-encoding").as_deref(), Some("br;q=0.1"));
    }
    // 8 MB came in; they are kept once and were copied a few times.
    let grown = peak_of(listener.process.id()) - before;
    assert!(grown < 64 << 10, "it took {grown} KiB");
    assert_eq!(listener.process.terminate().code(), Some(0));
}

/// The most memory that a process has had, in KiB.
fn peak_of(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

#[test]
fn a_compressed_answer_is_not_touched_either() {
    let app = RawApp::answering(|_| {
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nVary: accept-encoding\r\nContent-Length: 4\r\n\r\n\x1f\x8b\0\xff"
            .to_vec()
    });
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let answer = raw::ask(listener.address(), raw::request("POST /", "", b"{}"));
    assert_eq!(answer.body, b"\x1f\x8b\0\xff");
    assert_eq!(answer.one("content-encoding").as_deref(), Some("gzip"));
    listener.stop();
}

#[test]
fn a_body_that_comes_a_byte_at_a_time_is_one_body() {
    let app = RawApp::saying("OK");
    let listener = Listener::start(&["--ephemeral", &app.target()]);
    let mut connection = Connection::open(listener.address());
    connection.wait_at_most(Duration::from_secs(20));
    for byte in raw::request("POST /", "", b"\0slowly\xff") {
        connection.send([byte]);
    }
    assert_eq!(connection.answer().status(), 200);
    assert_eq!(app.next().body, b"\0slowly\xff");
    listener.stop();
}
