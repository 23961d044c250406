//! Agents whose every answer is the test's, and what the relay makes of them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::Poll;

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, Method, Request};
use jiff::Timestamp;
use tempfile::TempDir;
use tokio::io::DuplexStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::Role;

use super::*;
use crate::config::Claim;
use crate::http::body::{Budget, Reservation};
use crate::link::{Stream, config};
use crate::relay::agents::{Asker, Seat};
use crate::relay::carrier;
use crate::relay::data::Data;
use crate::relay::id;
use crate::relay::limits::{Limiter, Memory, PerTunnel};
use crate::relay::metrics::Now;
use crate::relay::queue::Limits;

const NAME: &str = "shop";
/// For bodies.
const MEMORY: usize = 1 << 20;

/// A relay without sockets.
struct Relay {
    courier: Courier,
    limiter: Limiter,
    data: Data,
    _folder: TempDir,
}

impl Relay {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = Data::open(folder.path(), Limits::default()).unwrap();
        Self {
            courier: Courier {
                agents: Agents::default(),
                queue: Some(data.queue.clone()),
                metrics: Arc::new(Metrics::new()),
                patience: Duration::from_secs(30),
                blamed: Arc::default(),
                pace: Pace::default(),
                stopping: CancellationToken::new(),
            },
            limiter: Limiter::new(
                PerTunnel {
                    rate: 1000,
                    at_once: 1,
                },
                Memory {
                    all: Budget::of(MEMORY),
                    each: MEMORY,
                },
            ),
            data,
            _folder: folder,
        }
    }

    /// Has a delivery to this path wait.
    async fn wait(&self, path: &str) {
        let waiting = arrived(path).into_waiting();
        self.data.queue.push(NAME, waiting).await.unwrap();
    }

    async fn deliver(&self, path: &str) -> Response<AnswerBody> {
        let place = self.limiter.admit(NAME).unwrap();
        let may_wait = Some(self.data.queue.rank());
        self.courier
            .deliver(NAME, arrived(path), place, may_wait)
            .await
    }

    /// Connects an agent.
    async fn connect(&self) -> Agent {
        let asker = Asker {
            owner: None,
            instance: "one".into(),
            holder: "ada@host".into(),
            claim: Claim::Exclusive,
        };
        let seat = self.courier.agents.take(NAME, asker).unwrap();
        let (near, far) = tokio::io::duplex(1 << 20);
        let near = Stream::accepted(near, Vec::new()).await;
        let pulse = near.pulse();
        let (carrier, carrying) = carrier::begin(near).await.unwrap();
        tokio::spawn(carrying);
        seat.fill(carrier, pulse).unwrap();
        let far = WebSocketStream::from_raw_socket(far, Role::Client, Some(config())).await;
        let server = h2::server::handshake(Stream::new(far)).await.unwrap();
        self.courier.see_to(NAME);
        Agent {
            server,
            _seat: seat,
        }
    }

    /// Whether its metrics have this line.
    fn counts(&self, line: &str) -> bool {
        let text = self.courier.metrics.text(&Now::default());
        text.lines().any(|other| other == line)
    }
}

/// The agent's end of a tunnel.
struct Agent {
    server: h2::server::Connection<Stream<DuplexStream>, Bytes>,
    _seat: Seat,
}

type Asked = (Request<h2::RecvStream>, SendResponse<Bytes>);

impl Agent {
    /// The next delivery; `None` where the relay has hung up.
    async fn next(&mut self) -> Option<Asked> {
        self.server.accept().await?.ok()
    }

    /// Keeps so many deliveries, and tells their paths.
    async fn keep(&mut self, count: usize) -> VecDeque<String> {
        let mut paths = VecDeque::new();
        while paths.len() < count {
            let (request, mut answer) = self.next().await.unwrap();
            paths.push_back(request.uri().path().to_owned());
            answer.send_response(kept(), true).unwrap();
        }
        paths
    }
}

fn kept() -> Response<()> {
    let mut answer = Response::new(());
    let yes = http::HeaderValue::from_static("1");
    answer.headers_mut().insert(names::KEPT, yes);
    answer
}

fn arrived(path: &str) -> Arrived {
    let now = Timestamp::now();
    Arrived {
        id: id::new(),
        received_at: Timestamp::from_microsecond(now.as_microsecond()).unwrap(),
        peer: "192.0.2.1:5".parse().unwrap(),
        https: true,
        method: Method::POST,
        path: path.parse().unwrap(),
        host: "hooks.test".parse().unwrap(),
        headers: HeaderMap::new(),
        body: Bytes::from_static(b"{}"),
        memory: None,
    }
}

#[tokio::test]
async fn what_ends_the_tunnel_three_times_is_dropped_and_what_is_behind_it_comes() {
    let relay = Relay::new();
    relay.wait("/poison").await;
    relay.wait("/good").await;
    for _ in 0..3 {
        let mut agent = relay.connect().await;
        let (request, answer) = agent.next().await.unwrap();
        assert_eq!(request.uri().path(), "/poison");
        let calm = h2::Reason::ENHANCE_YOUR_CALM;
        agent.server.abrupt_shutdown(calm);
        while agent.next().await.is_some() {}
        // Before its socket is gone: a relay that can write no more may not get to see why.
        while !relay.courier.agents.of(NAME).is_empty() {
            tokio::task::yield_now().await;
        }
        drop(answer);
    }
    let mut agent = relay.connect().await;
    assert_eq!(agent.keep(1).await, ["/good"]);
    assert!(relay.counts("cmhook_relay_dropped_total 1"));
}

#[tokio::test]
async fn what_the_agent_cannot_read_is_not_tried_again() {
    let relay = Relay::new();
    let mut agent = relay.connect().await;
    let refuse = async {
        let (_, mut answer) = agent.next().await.unwrap();
        answer.send_reset(h2::Reason::PROTOCOL_ERROR);
        agent.next().await
    };
    let answer = tokio::select! {
        answer = relay.deliver("/live") => answer,
        _ = refuse => panic!("it came again"),
    };
    assert_eq!(answer.status(), StatusCode::BAD_GATEWAY);
    assert_eq!(answer.headers()[names::REASON], "agent_refused");
    assert_eq!(relay.courier.waiting(NAME), 0);
    relay.wait("/waited").await;
    relay.wait("/good").await;
    relay.courier.see_to(NAME);
    let (request, mut answer) = agent.next().await.unwrap();
    assert_eq!(request.uri().path(), "/waited");
    answer.send_reset(h2::Reason::PROTOCOL_ERROR);
    assert_eq!(agent.keep(1).await, ["/good"]);
    assert!(relay.counts("cmhook_relay_dropped_total 1"));
}

#[tokio::test]
async fn what_its_sender_takes_back_while_it_is_kept_is_kept() {
    let relay = Relay::new();
    let mut delivering = Box::pin(relay.deliver("/taken-back"));
    let begun = poll_fn(|cx| Poll::Ready(delivering.as_mut().poll(cx)));
    assert!(begun.await.is_pending());
    drop(delivering);
    // What it has begun has its turn before this.
    tokio::task::yield_now().await;
    relay.wait("/next").await;
    let mut agent = relay.connect().await;
    assert_eq!(agent.keep(2).await, ["/taken-back", "/next"]);
    assert!(relay.counts("cmhook_relay_queued_total 1"));
}

#[tokio::test]
async fn what_cannot_be_read_for_a_while_is_handed_on_after_it() {
    let relay = Relay::new();
    relay.wait("/x").await;
    let path = relay.data.folder().join("relay.db");
    let beside = crate::relay::db::open(&path).unwrap();
    let rename = |from, to| {
        let sql = format!("ALTER TABLE {from} RENAME TO {to}");
        beside.execute(&sql, []).unwrap();
    };
    rename("queue", "away");
    let mut agent = relay.connect().await;
    // Whoever was to hand it on has asked, before this does.
    tokio::task::yield_now().await;
    relay.data.queue.first(NAME, 1, 0).await.unwrap_err();
    rename("away", "queue");
    assert_eq!(agent.keep(1).await, ["/x"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_stops_gives_back_what_it_holds() {
    let relay = Relay::new();
    tokio::spawn(relay.courier.pace.clone().watch());
    let mut agent = relay.connect().await;
    tokio::spawn(async move {
        let mut begun = Vec::new();
        while let Some((_, mut answer)) = agent.next().await {
            let mut body = answer.send_response(Response::new(()), false).unwrap();
            body.send_data(Bytes::from_static(b"first"), false).unwrap();
            begun.push(body);
        }
    });
    let after = |begun: Instant| begun.elapsed().as_secs();
    let (begun, stuck) = (Instant::now(), CancellationToken::new());
    let answer = relay.deliver("/").await;
    let not_taken = answer.map(|body| body.telling(&stuck));
    stuck.cancelled().await;
    assert!((30..33).contains(&after(begun)), "{}", after(begun));
    // There is one place.
    let mut body = relay.deliver("/").await.into_body();
    let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(first, "first");
    let begun = Instant::now();
    body.frame().await.unwrap().unwrap_err();
    assert!((30..33).contains(&after(begun)), "{}", after(begun));
    relay.limiter.admit(NAME).unwrap();
    drop(not_taken);
}

#[tokio::test]
async fn memory_is_taken_until_the_agent_has_the_body() {
    let relay = Relay::new();
    let mut agent = relay.connect().await;
    let place = relay.limiter.admit(NAME).unwrap();
    let budget = Arc::clone(place.memory());
    let mut delivery = arrived("/");
    delivery.body = vec![0; MEMORY].into();
    delivery.memory = Reservation::of(&budget, MEMORY).map(Arc::new);
    let (leave, left) = tokio::sync::oneshot::channel::<()>();
    tokio::spawn(async move {
        // It reads nothing of the request.
        let (_request, mut answer) = agent.next().await.unwrap();
        answer.send_response(Response::new(()), true).unwrap();
        tokio::select! {
            _ = agent.next() => panic!("there is nothing else"),
            _ = left => {}
        }
    });
    let may_wait = Some(relay.data.queue.rank());
    let answer = relay.courier.deliver(NAME, delivery, place, may_wait).await;
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(answer.into_body().frame().await.is_none());
    assert!(Reservation::of(&budget, 1).is_none());
    leave.send(()).unwrap();
    while Reservation::of(&budget, MEMORY).is_none() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn what_nobody_accounts_for_has_room_for_so_much() {
    let relay = Relay::new();
    let _agent = relay.connect().await;
    let links = relay.courier.agents.of(NAME);
    let room = |size| links[0].carrier.room(size);
    let taken: Vec<_> = (0..16).map_while(|_| room((1 << 20) - 1)).collect();
    assert_eq!(taken.len(), 16);
    assert!(room(0).is_none());
    drop(taken);
    assert!(room(usize::MAX).is_some(), "one that is larger goes alone");
}
