//! Senders that are slow, beside others on the same tunnel who are not.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;

use crate::kit::{post, tunnel};
use crate::support::raw::{Connection, ask};
use crate::support::relay::{Relay, public_path};
use crate::support::upstream::Upstream;

/// 2 MB at 1 Mbit/s.
const SIZE: usize = 2_000_000;
const A_SECOND: usize = 125_000;
/// Small deliveries are answered in far less, on a loaded machine too.
const SOON: Duration = Duration::from_secs(2);
/// An answer of which the kernel does not buffer all for who does not read it.
const LARGE: usize = 8 << 20;

/// Small deliveries one after another while `go_on`; the 99th percentile of their times.
#[track_caller]
fn small(to: SocketAddr, path: &str, go_on: impl Fn(usize) -> bool) -> Duration {
    let mut times = Vec::new();
    while go_on(times.len()) {
        let begun = Instant::now();
        let answer = ask(to, post(to, path));
        assert_eq!(answer.status(), 200, "{}", answer.text());
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    assert!(times[times.len() - 1] < SOON, "{times:?}");
    times[times.len() * 99 / 100]
}

#[test]
fn a_large_delivery_that_comes_slowly_holds_up_no_small_ones() {
    let (relay, app) = (Relay::open(&[]), Upstream::start());
    let mut agent = relay.agent(None, &["--ephemeral", "--forward", &app.target()]);
    tunnel(&mut agent, "online");
    let (to, path) = (relay.address(), public_path(&agent));
    let without = small(to, &path, |count| count < 500);
    let is_done = AtomicBool::new(false);
    let with = thread::scope(|scope| {
        let large = relay.request(&format!("POST {path}/large"), "", &vec![b'x'; SIZE]);
        let is_done = &is_done;
        scope.spawn(move || {
            let mut connection = Connection::open(to);
            for part in large.chunks(A_SECOND / 10) {
                connection.send(part);
                thread::sleep(Duration::from_millis(100));
            }
            let answer = connection.answer();
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(answer.status(), 200, "{}", answer.text());
        });
        small(to, &path, |_| !is_done.load(Ordering::Relaxed))
    });
    println!("p99 of small ones: {without:?} alone, {with:?} beside a slow large one");
    let seen = std::iter::from_fn(|| Some(app.next()));
    let mut large = seen.filter(|seen| seen.parts.uri == "/large");
    assert_eq!(large.next().expect("it arrives").body.len(), SIZE);
}

/// Anybody who knows the URL can do that. What such a sender does not read must not be in
/// the way of what others are to get.
#[test]
fn senders_that_do_not_read_their_large_answers_hold_up_nobody() {
    let relay = Relay::open(&[]);
    let app = Upstream::answering(|parts, _| {
        let size = if parts.uri.path() == "/large" {
            LARGE
        } else {
            2
        };
        Response::new(Full::new(Bytes::from(vec![b'y'; size])))
    });
    let mut agent = relay.agent(None, &["--ephemeral", "--forward", &app.target()]);
    tunnel(&mut agent, "online");
    let (to, path) = (relay.address(), public_path(&agent));
    let mut idle: Vec<Connection> = Vec::new();
    for _ in 0..20 {
        let mut connection = Connection::open(to);
        connection.send(post(to, &format!("{path}/large")));
        app.next();
        idle.push(connection);
    }
    let p99 = small(to, &path, |count| count < 200);
    println!("p99 of small ones beside 20 unread answers: {p99:?}");
    let answer = idle.remove(0).answer();
    assert_eq!(answer.body.len(), LARGE, "one that is read after all");
}
