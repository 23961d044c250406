//! Senders that ask for large answers and never read them.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http2::Builder;
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::crowd::{App, Regular, Sender, count, runtime};
use crate::support::listener::Listener;
use crate::support::raw::request;
use crate::vitals::{MIB, descriptors, eventually, forget_peak, own_limit, peak, resident};

const CROWD: usize = 150;
const STREAMS: usize = 100;

/// Asks for so many large answers on one connection, which it keeps alive, with windows of
/// no size, and holds them until they break off.
async fn closed_windows(to: SocketAddr, body: String) {
    let stream = TcpStream::connect(to).await.expect("cmhook listens");
    let connected = Builder::new(TokioExecutor::new())
        .initial_stream_window_size(0)
        .handshake(TokioIo::new(stream))
        .await;
    let (requests, connection) = connected.expect("HTTP/2");
    tokio::spawn(connection);
    let mut streams = JoinSet::new();
    for n in 0..STREAMS {
        let mut requests = requests.clone();
        let body = Full::new(Bytes::from(body.clone()));
        let request = Request::post(format!("http://x/closed/{n}")).body(body);
        streams.spawn(async move {
            requests.ready().await.expect("it goes on");
            let answer = requests.send_request(request.expect("a request")).await;
            let answer = answer.expect("an answer");
            assert_eq!(answer.status(), 200);
            assert!(answer.into_body().collect().await.is_err());
        });
    }
    while let Some(stream) = streams.join_next().await {
        stream.expect("an answer that breaks off");
    }
}

#[test]
fn answers_that_are_never_read_hold_up_nobody_and_are_dropped() {
    let large = App::answering(20 * MIB);
    let small = App::answering(2);
    let route = format!("large={}", large.target());
    let listener = Listener::start(&["--ephemeral", "--quiet", "--route", &route, &small.target()]);
    let (to, pid) = (listener.address(), listener.process.id());
    own_limit();
    let runtime = runtime();
    let open = descriptors(pid);
    let before = resident(pid);
    forget_peak(pid);
    let regular = Regular::start(&runtime, to);
    let begin = Instant::now();
    let body = format!(r#"{{"event":"large","data":"{}"}}"#, "x".repeat(100 << 10));
    let stalled: Vec<Sender> = runtime.block_on(async {
        let mut stalled = Vec::new();
        for n in 0..CROWD {
            let mut sender = Sender::open(to).await;
            let request = request(&format!("POST /stalled/{n}"), "", body.as_bytes());
            sender.send(request).await.expect("it is read");
            stalled.push(sender);
        }
        stalled
    });
    // Over HTTP/2 they need not even stop reading: they let no byte of an answer come.
    let closed = runtime.spawn(closed_windows(to, body.clone()));
    eventually("the app was asked by all of them", || {
        large.asked() == CROWD + STREAMS
    });
    // Somebody who reads gets a large answer all the same, if not as quickly.
    let answer = runtime.block_on(async {
        let mut sender = Sender::open(to).await;
        sender
            .ask(request("POST /reads", "", body.as_bytes()))
            .await
    });
    println!(
        "one who reads: {:?} after {:?}",
        answer.map(|answer| answer.status),
        begin.elapsed()
    );
    eventually("they are dropped", || descriptors(pid) <= open + 10);
    let took = begin.elapsed();
    let most = peak(pid).saturating_sub(before);
    println!(
        "{CROWD} that do not read and {STREAMS} with closed windows: dropped after {took:?}, at most {} MiB more",
        most / MIB
    );
    assert!(most < 288 * MIB, "{} MiB", most / MIB);
    regular.stop(&runtime, "answers that nobody reads");
    drop(stalled);
    runtime.block_on(closed).expect("they break off");
    let stopped = listener.stop();
    assert_eq!(count(&stopped, "refused"), 0, "{stopped}");
    assert!(
        took > Duration::from_secs(25),
        "too hasty for a slow line: {took:?}"
    );
}
