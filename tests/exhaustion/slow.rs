//! Senders that take their time (slowloris). One test, so that all of them wait at once.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use hyper::body::{Body, Frame};
use hyper::client::conn::http2::handshake;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::runtime::Runtime;
use tokio::task::JoinSet;

use crate::crowd::{App, Regular, Sender, count, runtime, store};
use crate::support::listener::{Listener, home, object};
use crate::vitals::{descriptors, eventually, own_limit, resident, rows};

/// For headers there are 10 s, for the next piece of a body 30 s. On a machine that is
/// busy with all of this, closing that many and noticing it may take as long again.
const HEADERS: std::ops::Range<Duration> = Duration::from_secs(5)..Duration::from_secs(40);
const BODY: std::ops::Range<Duration> = Duration::from_secs(20)..Duration::from_secs(75);

const CROWD: usize = 1000;
/// What asks for 10,000 descriptors on either side, and some more for everything else.
const LIMIT_FOR_TEN_THOUSAND: usize = 16_000;

#[test]
fn slow_senders_are_shut_out_and_nobody_waits_for_them() {
    let app = App::answering(2);
    let home = Rc::new(home());
    let mut listener = Listener::start_in(&home, &[&app.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    let runtime = runtime();
    let before = (descriptors(pid), resident(pid));
    let alone = Regular::start(&runtime, to);
    std::thread::sleep(Duration::from_secs(1));
    let mut sent = alone.stop(&runtime, "nothing");

    let regular = Regular::start(&runtime, to);
    let idle = if own_limit() < LIMIT_FOR_TEN_THOUSAND {
        println!("skipped: needs {LIMIT_FOR_TEN_THOUSAND} descriptors for 10,000 idle connections");
        CROWD
    } else {
        10 * CROWD
    };
    let mut crowds = vec![
        (
            "silent",
            HEADERS,
            crowd(&runtime, idle, move |_| silent(to)),
        ),
        (
            "slow headers",
            HEADERS,
            crowd(&runtime, CROWD, move |n| slow_head(to, n)),
        ),
        (
            "slow bodies",
            BODY,
            crowd(&runtime, CROWD, move |n| slow_body(to, n)),
        ),
        (
            "HTTP/2 prefaces",
            HEADERS.start..BODY.end,
            crowd(&runtime, 50, move |_| preface(to)),
        ),
        (
            "HTTP/2 streams",
            BODY,
            crowd(&runtime, 10, move |_| silent_streams(to)),
        ),
    ];
    eventually("all are connected", || descriptors(pid) > idle + 2 * CROWD);
    let more = resident(pid).saturating_sub(before.1) >> 10;
    println!(
        "{idle} silent and {} slow connections take {more} KiB",
        2 * CROWD
    );
    for (what, limits, crowd) in &mut crowds {
        let times = runtime.block_on(all(crowd));
        let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
        println!("{what}: closed after {least:?} to {most:?}");
        assert!(
            limits.contains(least) && limits.contains(most),
            "{what}: {least:?} to {most:?}"
        );
    }
    sent += regular.stop(&runtime, "slow ones");

    eventually("descriptors are given back", || {
        descriptors(pid) <= before.0 + 2
    });
    listener.process.signal("TERM");
    let stopped = what_it_said(&mut listener);
    assert_eq!(
        count(&stopped, "refused"),
        3 * CROWD,
        "a silent one has asked nothing"
    );
    assert_eq!(count(&stopped, "received"), sent);
    let store = store(&home);
    assert_eq!(rows(&store, "SELECT path FROM deliveries").len(), sent);
    let answered = rows(&store, "SELECT target FROM attempts WHERE status = 200");
    assert_eq!(answered.len(), sent);
}

/// Checks what it said of the slow ones, up to its last object, which is returned.
fn what_it_said(listener: &mut Listener) -> Value {
    let mut last = Value::Null;
    let mut shown = [0; 3];
    while let Some(line) = listener.process.stdout.next() {
        last = object(&line);
        if last["type"] != "refused" {
            continue;
        }
        assert_eq!(last["code"], "too_slow", "{last}");
        let request = last["request"].as_str().expect("a request");
        // hyper closes the connection where headers do not come, without an answer.
        let (kind, status) = if request.starts_with("POST /slow/head/") {
            (0, Value::Null)
        } else if request.starts_with("POST /slow/body/") {
            (1, 408.into())
        } else {
            assert!(request.contains("/slow/stream/"), "{last}");
            (2, 408.into())
        };
        assert_eq!(last["status"], status, "{last}");
        shown[kind] += 1;
    }
    // A thousand at one moment may be more than the face keeps up with, so not all of them
    // need be shown; but all are counted.
    println!("shown: {shown:?}");
    assert!(shown.iter().all(|shown| *shown > 0), "{shown:?}");
    assert_eq!(last["type"], "stopped");
    last
}

type Crowd = JoinSet<Duration>;

/// So many senders at once; each says how long it was connected.
fn crowd<F>(runtime: &Runtime, size: usize, one: impl Fn(usize) -> F) -> Crowd
where
    F: Future<Output = Duration> + Send + 'static,
{
    let mut crowd = JoinSet::new();
    for n in 0..size {
        crowd.spawn_on(one(n), runtime.handle());
    }
    crowd
}

async fn all(crowd: &mut Crowd) -> Vec<Duration> {
    let mut times = Vec::new();
    while let Some(time) = crowd.join_next().await {
        times.push(time.expect("it is closed"));
    }
    times
}

/// Sends nothing.
async fn silent(to: SocketAddr) -> Duration {
    let begin = Instant::now();
    let mut sender = Sender::open(to).await;
    let rest = sender.rest().await.expect("it is closed");
    assert!(rest.is_empty());
    begin.elapsed()
}

/// Sends a byte of a header now and then.
async fn slow_head(to: SocketAddr, n: usize) -> Duration {
    let begin = Instant::now();
    let mut sender = Sender::open(to).await;
    let line = format!("POST /slow/head/{n} HTTP/1.1\r\nX-Slow: ");
    sender.send(line).await.expect("it is read");
    let mut now_and_then = tokio::time::interval(Duration::from_millis(900));
    loop {
        tokio::select! {
            _ = now_and_then.tick() => if sender.send("x").await.is_err() { break },
            rest = async { sender.0.get_ref().readable().await } => { rest.expect("a socket"); break }
        }
    }
    sender.rest().await.expect("it is closed");
    begin.elapsed()
}

/// Sends a body byte by byte, and then no more of it.
async fn slow_body(to: SocketAddr, n: usize) -> Duration {
    let mut sender = Sender::open(to).await;
    let head =
        format!("POST /slow/body/{n} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n");
    sender.send(head).await.expect("it is read");
    let mut begin = Instant::now();
    for _ in 0..4 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        sender.send("x").await.expect("it is read");
        begin = Instant::now();
    }
    assert_eq!(sender.answer().await.expect("an answer").status, 408);
    sender.rest().await.expect("it is closed");
    begin.elapsed()
}

/// Says that it speaks HTTP/2, and nothing more.
async fn preface(to: SocketAddr) -> Duration {
    let begin = Instant::now();
    let mut sender = Sender::open(to).await;
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    sender.send(preface).await.expect("it is read");
    sender.rest().await.expect("it is closed");
    begin.elapsed()
}

/// A body that never comes.
struct Silence;

impl Body for Silence {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Pending
    }
}

/// Opens a hundred streams whose bodies never come, on a connection that is alive.
async fn silent_streams(to: SocketAddr) -> Duration {
    let begin = Instant::now();
    let stream = TcpStream::connect(to).await.expect("cmhook listens");
    let io = TokioIo::new(stream);
    let (requests, connection) = handshake(TokioExecutor::new(), io).await.expect("HTTP/2");
    tokio::spawn(connection);
    let mut streams = JoinSet::new();
    for n in 0..CROWD / 10 {
        let mut requests = requests.clone();
        let request = Request::post(format!("http://x/slow/stream/{n}")).body(Silence);
        streams.spawn(async move {
            requests.ready().await.expect("it goes on");
            requests.send_request(request.expect("a request")).await
        });
    }
    while let Some(answer) = streams.join_next().await {
        let answer = answer.expect("no panic").expect("an answer");
        assert_eq!(answer.status(), 408);
    }
    begin.elapsed()
}
