//! Bodies of every size and kind, through the tunnel.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use rusqlite::{Connection as Database, OpenFlags};

use crate::support::listener::home;
use crate::support::raw::Connection;
use crate::support::relay::{Relay, public_path};
use crate::support::sample::{SECRET, Sample, digest};
use crate::support::upstream::Upstream;

const COUNT: u64 = 10_000;
const SENDERS: u64 = 8;

/// Sends a share of them, and gives the digests by number. The app answers with the digest of
/// what it got.
fn send_every(first: u64, to: SocketAddr, path: &str) -> HashMap<u64, String> {
    let host = to.to_string();
    let mut connection = Connection::open(to);
    let mut digests = HashMap::new();
    for index in (first..COUNT).step_by(usize::try_from(SENDERS).expect("a few")) {
        let sample = Sample::new(index);
        let sent = digest(&sample.body);
        // Making a large one takes a loaded machine longer than a connection may be idle.
        let fresh = index % 100 == first || sample.body.len() > 1 << 20;
        let request = sample.request(&host, path, index);
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

#[test]
fn ten_thousand_bodies_reach_the_app_and_the_journal_unchanged() {
    let begun = Instant::now();
    let app = Upstream::answering(|_, body| Response::new(Full::new(Bytes::from(digest(body)))));
    let relay = Relay::open(&["--rate", "100000"]);
    let (home, target) = (Rc::new(home()), app.target());
    let agent = relay.agent_in(
        &home,
        None,
        &["--quiet", "--keep", "20000", "--secret", SECRET, &target],
    );
    let (address, path) = (relay.address(), public_path(&agent));
    let mut sent = HashMap::new();
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..SENDERS)
            .map(|first| {
                let path = &*path;
                scope.spawn(move || send_every(first, address, path))
            })
            .collect();
        let mut reached = HashMap::new();
        for _ in 0..COUNT {
            let seen = app.next();
            let index = seen.parts.headers["x-index"].to_str().expect("a number");
            let index: u64 = index.parse().expect("a number");
            assert_eq!(seen.parts.uri.path(), format!("/{index}"));
            let before = reached.insert(index, digest(&seen.body));
            assert_eq!(before, None, "{index} reached the app twice");
        }
        for sender in senders {
            sent.extend(sender.join().expect("every delivery is answered"));
        }
        assert!(sent == reached, "not all that was sent is what the app got");
    });
    println!("{COUNT} deliveries took {:?}", begun.elapsed());
    let store = agent.ready["store"].as_str().expect("a store").to_owned();
    let stopped = agent.stop();
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
