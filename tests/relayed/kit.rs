//! An agent without its WebSocket: the pipeline behind an HTTP/2 server, and the relay's end.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cmhook::cakemail::signature::Secret;
use cmhook::capture::controls::Controls;
use cmhook::capture::forward::Forwarder;
use cmhook::capture::intake::Intake;
use cmhook::capture::peer::Peer;
use cmhook::config::{ForwardSettings, HostHeader, Policy, StoreSettings};
use cmhook::delivery::{Kept, Relayed};
use cmhook::link::names;
use cmhook::store::{Reader, Store};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::support::upstream::Upstream;

/// A test's runtime: of one thread, as `listen` has it.
pub fn block_on<T>(test: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().build().expect("a runtime");
    let limit = Duration::from_mins(1);
    runtime
        .block_on(async { tokio::time::timeout(limit, test).await })
        .expect("the test comes to its end")
}

/// The policy that forwards to these.
pub fn to(apps: &[&Upstream]) -> Policy {
    Policy {
        forward: apps
            .iter()
            .map(|app| app.target().parse().expect("a target"))
            .collect(),
        ..Policy::default()
    }
}

pub struct Agent {
    pub intake: Arc<Intake>,
    pub controls: Controls,
    pub relay: SendRequest<Full<Bytes>>,
    path: Option<PathBuf>,
}

/// What the relay got.
#[derive(Debug)]
pub struct Got {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Got {
    pub fn is_kept(&self) -> bool {
        let mut kept = self.headers.get_all(names::KEPT).iter();
        let is_kept = kept.next().is_some_and(|value| value == "1");
        assert!(kept.next().is_none(), "{self:?}");
        is_kept
    }
}

impl Agent {
    /// One with its store there, or with none.
    pub async fn start(path: Option<&Path>, policy: Policy) -> Self {
        Self::knowing(path, policy, &[]).await
    }

    /// The same with these secrets.
    pub async fn knowing(path: Option<&Path>, policy: Policy, secrets: &[&str]) -> Self {
        let (store, _) = Store::open(&StoreSettings {
            path: path.map(Path::to_owned),
            durable: false,
            keep: 10_000,
            keep_bytes: 256 << 20,
        })
        .expect("a store");
        let settings = ForwardSettings {
            timeout: Duration::from_secs(30),
            headers: Vec::new(),
            host_header: HostHeader::Rewrite,
            insecure_target: false,
        };
        let writing = store.clone();
        tokio::spawn(async move { writing.write_here().await });
        let forwarder = Arc::new(Forwarder::new(settings, &policy, Vec::new()));
        let secrets = secrets.iter().enumerate();
        let secrets = secrets
            .map(|(n, secret)| Secret::new(&format!("s{n}"), None, secret).expect("a secret"));
        let controls = Controls::new(policy, secrets.collect());
        let intake = Intake::new(
            store,
            controls.clone(),
            forwarder,
            25 << 20,
            TaskTracker::new(),
            CancellationToken::new(),
        );
        let relay = connect(&intake).await;
        Self {
            intake,
            controls,
            relay,
            path: path.map(Path::to_owned),
        }
    }

    pub fn store(&self) -> &Store {
        self.intake.store()
    }

    /// Hands on a delivery; its answer comes when what is returned is awaited.
    pub fn hand_on(&self, request: Request<Full<Bytes>>) -> impl Future<Output = Got> + use<> {
        let mut relay = self.relay.clone();
        let answer = relay.send_request(request);
        async move {
            let (parts, body) = answer.await.expect("an answer").into_parts();
            let body = body.collect().await.expect("a whole one").to_bytes();
            Got {
                status: parts.status,
                headers: parts.headers,
                body: String::from_utf8(body.to_vec()).expect("text"),
            }
        }
    }

    /// What another process finds in the store's file.
    pub fn on_disk(&self) -> Vec<Kept> {
        let path = self.path.as_deref().expect("a file");
        let read = Reader::open(path).and_then(|reader| reader.all());
        read.expect("a store").kept
    }

    /// A store's files as a kill leaves them now.
    pub fn killed(&self, copy: &Path) {
        let path = self.path.as_deref().expect("a file");
        for suffix in ["", "-wal"] {
            let with = |path: &Path| format!("{}{suffix}", path.display());
            std::fs::copy(with(path), with(copy)).expect("a copy");
        }
    }

    /// Waits until nothing is under way.
    pub async fn settle(&self) {
        while self.intake.in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    pub fn close(&self) {
        self.store().close();
    }
}

/// The relay's end of a new connection.
pub async fn connect(intake: &Arc<Intake>) -> SendRequest<Full<Bytes>> {
    let (near, far) = tokio::io::duplex(1 << 20);
    let intake = Arc::clone(intake);
    let service = service_fn(move |request| {
        let intake = Arc::clone(&intake);
        async move { Ok::<_, Infallible>(deliver(&intake, request).await) }
    });
    tokio::spawn(
        hyper::server::conn::http2::Builder::new(TokioExecutor::new())
            .max_concurrent_streams(1000)
            .serve_connection(TokioIo::new(far), service),
    );
    let (relay, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(near))
            .await
            .expect("HTTP/2");
    tokio::spawn(connection);
    relay
}

/// Takes out what the relay says, as an agent does.
async fn deliver(
    intake: &Arc<Intake>,
    mut request: Request<Incoming>,
) -> Response<cmhook::capture::answer::AnswerBody> {
    let fields = request.headers_mut();
    let mut take = |name| {
        let value = fields.remove(name)?;
        Some(value.to_str().expect("text").to_owned())
    };
    let relayed = Relayed {
        id: take(names::ID).expect("an id").into(),
        queued_at: take(names::QUEUED_AT).map(|at| at.parse().expect("a time")),
    };
    let address = take(names::PEER).expect("a peer").parse();
    let https = take(names::SCHEME).as_deref() == Some("https");
    let peer = Peer::relayed(address.expect("an address"), https);
    intake.deliver_relayed(request, &peer, relayed).await
}

fn request(id: &str) -> http::request::Builder {
    Request::post(format!("https://name.example.com/hook?id={id}"))
        .header("content-type", "application/json")
        .header(names::ID, id)
        .header(names::PEER, "192.0.2.7:4711")
        .header(names::SCHEME, "https")
}

/// [`live`] or [`queued`].
pub type Make = fn(&str, &'static str) -> Request<Full<Bytes>>;

/// A delivery that the relay hands on at once.
pub fn live(id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = request(id).body(Full::new(body.into()));
    request.expect("a request")
}

/// When a [`queued`] one came in.
pub fn queued_at() -> Timestamp {
    "2026-11-24T10:32:07.123456Z".parse().expect("a time")
}

/// One that has waited at the relay.
pub fn queued(id: &str, body: impl Into<Bytes>) -> Request<Full<Bytes>> {
    let request = request(id)
        .header(names::QUEUED_AT, queued_at().to_string())
        .body(Full::new(body.into()));
    request.expect("a request")
}

/// The relay's id of what reached an app.
pub fn id_of(parts: &http::request::Parts) -> String {
    let query = parts.uri.query().expect("a query");
    query.strip_prefix("id=").expect("an id").to_owned()
}

/// The ids of the relay of all that is kept, oldest first; each is there once.
pub fn ids(kept: &[Kept]) -> Vec<String> {
    let ids = kept.iter().map(|kept| {
        let relayed = kept.delivery.request.relayed.as_ref();
        relayed.expect("it came through a relay").id.to_string()
    });
    let ids: Vec<_> = ids.collect();
    assert_eq!(ids.iter().collect::<HashSet<_>>().len(), ids.len());
    ids
}
