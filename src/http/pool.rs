//! Connections to apps, and which of them may be used again.
//!
//! An app may close an idle connection at any time. A request that is written into it just
//! then fails, and nobody knows whether the app saw it: sent again it may arrive twice, not
//! sent again its sender hears of a failure that is none. So a connection is used again only
//! while there is reason to believe that the app keeps it, and nothing of which a byte was
//! written is ever sent again.

use std::collections::HashMap;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{HOST, HeaderValue};
use http::uri::{Authority, Parts, Scheme};
use http::{Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_rustls::MaybeHttpsStream;
use tower_service::Service as _;

use super::client::{Connector, reaches};
use super::socket::{Socket, View};

/// An idle connection is closed when it is this old. Development servers close theirs
/// after 2 seconds (gunicorn) or 5 (Node), and a new one on loopback costs next to nothing.
const IDLE: Duration = Duration::from_millis(1500);

/// How long an app has to leave an idle connection open before one is used again: an app
/// that closes after each answer may be a little slow about it.
const PROOF: Duration = Duration::from_millis(200);

/// The same for an app that has closed one. It may have been restarted, or it may close
/// all of them after a short time and have been held up for once.
const MORE_PROOF: Duration = Duration::from_secs(1);

/// How many connections may turn out to be closed before anything was written. An app with
/// a short patience closes even new ones when this process is held up.
const TRIES: u32 = 10;

/// Connections that wait for that proof. More of them would prove nothing more.
const ON_PROBATION: usize = 4;

/// Why a request got no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no connection.
    #[error("cannot connect")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// The connection leads back here.
    #[error("the target is cmhook itself")]
    Loop,
    /// It was sent, in part at least, and no answer came.
    #[error("cannot ask")]
    Send(#[source] hyper::Error),
}

/// Bytes of an answer that are read at a time, and the most that its head may have. hyper's
/// own 400 KiB are much where a thousand answers wait for senders who do not read them.
const READ: usize = 128 << 10;

type Requests = http1::SendRequest<Full<Bytes>>;
type Connection = Pin<Box<dyn Future<Output = hyper::Result<()>> + Send>>;

/// A client with a pool of connections.
#[derive(Debug, Clone)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connector: Connector,
    own: Vec<SocketAddr>,
    apps: Mutex<HashMap<Origin, App>>,
    ids: AtomicU64,
    is_swept: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Origin(Scheme, Authority);

/// What is known of an app, and its idle connections, the latest last.
#[derive(Debug, Default)]
struct App {
    idle: Vec<Idle>,
    /// The longest that one of its connections was seen open and idle since it last
    /// closed one.
    keeps_open: Duration,
    has_closed: bool,
}

#[derive(Debug)]
struct Idle {
    line: Line,
    since: Instant,
}

/// A connection.
#[derive(Debug)]
struct Line {
    id: u64,
    requests: Requests,
    view: Arc<View>,
}

impl Line {
    /// Whether the app has left it open and quiet.
    fn is_idle(&self) -> bool {
        self.requests.is_ready() && self.view.is_silent()
    }
}

impl App {
    /// A connection to use again, if there is one that is safe to use.
    fn take(&mut self) -> Option<Line> {
        while let Some(latest) = self.idle.last() {
            let age = latest.since.elapsed();
            if latest.line.requests.is_closed() {
                self.idle.pop();
                self.closed(age);
                continue;
            }
            if !self.allows(age) {
                self.look();
            }
            if !self.allows(age) {
                return None;
            }
            return self.idle.pop().map(|idle| idle.line);
        }
        None
    }

    /// Half of what it was seen to keep is far from where it closes.
    fn allows(&self, age: Duration) -> bool {
        self.is_proven() && age <= self.keeps_open / 2
    }

    fn is_proven(&self) -> bool {
        let proof = if self.has_closed { MORE_PROOF } else { PROOF };
        self.keeps_open >= proof
    }

    /// Sees how long it has kept the oldest one open by now.
    fn look(&mut self) {
        while let Some(oldest) = self.idle.first() {
            let age = oldest.since.elapsed();
            if oldest.line.is_idle() {
                self.keeps_open = self.keeps_open.max(age);
                // After such a long time the earlier close is of no account.
                self.has_closed &= age < MORE_PROOF;
                return;
            }
            self.idle.remove(0);
            self.closed(age);
        }
    }

    /// It closed one that was idle for that long.
    fn closed(&mut self, age: Duration) {
        self.keeps_open = self.keeps_open.min(age);
        self.has_closed = true;
    }
}

impl Client {
    /// A client that never asks a listener on one of `own`.
    pub fn new(connector: Connector, own: impl IntoIterator<Item = SocketAddr>) -> Self {
        Self(Arc::new(Inner {
            connector,
            own: own.into_iter().collect(),
            apps: Mutex::default(),
            ids: AtomicU64::new(0),
            is_swept: AtomicBool::new(false),
        }))
    }

    /// Sends a request and waits for the head of its answer. The URI is a whole URL.
    ///
    /// # Errors
    /// Where no answer came. It is not sent again then, if anything of it was sent.
    pub async fn request(
        &self,
        mut request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, AskError> {
        let url = std::mem::take(request.uri_mut());
        let (origin, uri) = split(&url, request.method());
        *request.uri_mut() = uri;
        if !request.headers().contains_key(HOST)
            && let Ok(host) = HeaderValue::from_str(origin.1.as_str())
        {
            request.headers_mut().insert(HOST, host);
        }
        let mut tries = 1;
        loop {
            let idle = self.0.apps().get_mut(&origin).and_then(App::take);
            let (mut line, connection) = if let Some(line) = idle {
                line.view.begin_again();
                (line, None)
            } else {
                let (line, connection) = self.connect(&url).await?;
                (line, Some(connection))
            };
            let answer = line.requests.try_send_request(request.clone());
            if let Some(connection) = connection {
                self.drive(connection, &origin, line.id).await;
            }
            match answer.await {
                Ok(answer) => {
                    self.keep(origin, line);
                    return Ok(answer);
                }
                Err(error) => {
                    self.0.distrust(&origin);
                    if !line.view.is_untouched() || tries == TRIES {
                        return Err(AskError::Send(error.into_error()));
                    }
                    tries += 1;
                }
            }
        }
    }

    async fn connect(&self, url: &Uri) -> Result<(Line, Connection), AskError> {
        let connecting = self.0.connector.clone().call(url.clone());
        let stream = connecting.await.map_err(AskError::Connect)?;
        let socket = match &stream {
            MaybeHttpsStream::Http(tcp) => tcp.inner(),
            MaybeHttpsStream::Https(tls) => tls.inner().get_ref().0.inner().inner(),
        };
        let failed = |error: io::Error| AskError::Connect(error.into());
        let peer = socket.peer_addr().map_err(failed)?;
        if self.0.own.iter().any(|own| reaches(peer, *own)) {
            return Err(AskError::Loop);
        }
        let view = View::of(socket).map_err(failed)?;
        let (requests, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .max_buf_size(READ)
            .handshake(Socket::new(stream, Arc::clone(&view)))
            .await
            .map_err(AskError::Send)?;
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        let line = Line { id, requests, view };
        Ok((line, Box::pin(connection)))
    }

    /// Runs a new connection to its end. The first step is made at once: an app counts its
    /// patience from when it has accepted, and not from when a task gets its turn.
    async fn drive(&self, mut connection: Connection, origin: &Origin, id: u64) {
        let first = poll_fn(|cx| Poll::Ready(connection.as_mut().poll(cx))).await;
        if first.is_ready() {
            return;
        }
        let (inner, origin) = (Arc::clone(&self.0), origin.clone());
        tokio::spawn(async move {
            // Its error goes to who sent the request.
            let _ = connection.await;
            inner.ended(&origin, id);
        });
    }

    /// Keeps a connection for later, once its answer has been read.
    fn keep(&self, origin: Origin, mut line: Line) {
        let inner = Arc::clone(&self.0);
        tokio::spawn(async move {
            if line.requests.ready().await.is_ok() {
                Inner::put(&inner, origin, line);
            }
        });
    }
}

impl Inner {
    fn apps(&self) -> MutexGuard<'_, HashMap<Origin, App>> {
        self.apps.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(self: &Arc<Self>, origin: Origin, line: Line) {
        let mut apps = self.apps();
        let app = apps.entry(origin).or_default();
        if !app.is_proven() && app.idle.len() >= ON_PROBATION {
            return;
        }
        app.idle.push(Idle {
            line,
            since: Instant::now(),
        });
        drop(apps);
        if !self.is_swept.swap(true, Ordering::Relaxed) {
            tokio::spawn(Arc::clone(self).sweep());
        }
    }

    /// Closes connections that nobody wants any more.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(IDLE / 3).await;
            let mut apps = self.apps();
            for app in apps.values_mut() {
                app.look();
                app.idle.retain(|idle| idle.since.elapsed() < IDLE);
            }
            if apps.values().all(|app| app.idle.is_empty()) {
                self.is_swept.store(false, Ordering::Relaxed);
                return;
            }
        }
    }

    /// A connection has come to its end. If it was idle, the app has closed it.
    fn ended(&self, origin: &Origin, id: u64) {
        if let Some(app) = self.apps().get_mut(origin)
            && let Some(at) = app.idle.iter().position(|idle| idle.line.id == id)
        {
            let idle = app.idle.remove(at);
            app.closed(idle.since.elapsed());
        }
    }

    /// A connection broke in use: what is idle may be about to break too.
    fn distrust(&self, origin: &Origin) {
        if let Some(app) = self.apps().get_mut(origin) {
            app.idle.clear();
            app.closed(Duration::ZERO);
        }
    }
}

/// Where a request goes, and what stands in its first line.
fn split(url: &Uri, method: &Method) -> (Origin, Uri) {
    let scheme = url.scheme().cloned().unwrap_or(Scheme::HTTP);
    let authority = url.authority().cloned();
    let authority = authority.unwrap_or_else(|| Authority::from_static("localhost"));
    let mut parts = Parts::default();
    if method == Method::CONNECT {
        parts.authority = Some(authority.clone());
    } else {
        parts.path_and_query = url.path_and_query().cloned();
    }
    let uri = Uri::from_parts(parts).unwrap_or_default();
    (Origin(scheme, authority), uri)
}
