//! The relay's sockets, and how it stops.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ipnet::IpNet;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{interval, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::acme::Challenges;
use super::agents::Agents;
use super::answer::Reason;
use super::data::{Data, DataError, Seen};
use super::deliver::Courier;
use super::forwarded::Sender;
use super::ingress::{Conn, Front};
use super::limits::{Limiter, Memory, PerTunnel};
use super::metrics::Metrics;
use super::pace::Pace;
use super::protocol::{Asked, HEAD_WITHIN, http1, http2, say_busy};
use super::queue::Limits;
use super::refusals::Refusals;
use super::route::{Domain, UrlStyle};
use super::socket::Socket;
use super::strict::{Strict, Violations};
use super::tls::Tls;
use crate::link::Farewell;

/// Connections that may wait to be taken in.
const QUEUE: u32 = 4096;
/// How often it is looked whether another process has changed tokens or names.
const LOOK: Duration = Duration::from_millis(300);
/// How long agents may take to hang up, when all else is done.
const FAREWELL: Duration = Duration::from_secs(2);

/// What a relay is to be like.
#[derive(Debug)]
pub struct Options {
    /// Where it is reached.
    pub domain: Domain,
    /// How public URLs are written.
    pub style: UrlStyle,
    /// Whether senders speak HTTPS, wherever it ends; `None` where it is as they come in.
    pub public_https: Option<bool>,
    /// The folder with what it keeps.
    pub data: PathBuf,
    /// What may wait for agents; `None` keeps nothing.
    pub queue: Option<Limits>,
    /// Of each tunnel.
    pub per_tunnel: PerTunnel,
    /// The largest body, in bytes.
    pub max_body: u64,
    /// Connections to the public side at one time.
    pub max_connections: usize,
    /// How long an agent may take to answer.
    pub patience: Duration,
    /// Proxies that are believed about who is behind them.
    pub trusted: Vec<IpNet>,
    /// Whether agents without a token are let in.
    pub is_open: bool,
    /// How long a stop waits for what is under way.
    pub grace: Duration,
}

/// Takes a port.
///
/// # Errors
/// Where it is in use or may not be used.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Where a relay is reached.
#[derive(Debug)]
pub struct Sockets {
    /// By senders and agents.
    pub public: TcpListener,
    /// What makes that HTTPS.
    pub tls: Option<Tls>,
    /// Over plain HTTP beside it: where proofs for the certificate are given, and everybody
    /// else is told where to go.
    pub plain: Option<TcpListener>,
    /// By whoever looks after it.
    pub metrics: Option<TcpListener>,
}

/// What is behind a socket.
#[derive(Debug, Clone)]
enum Door {
    Plain,
    Tls(Tls),
    Elsewhere(Option<Challenges>),
}

/// A relay that has its data and no socket yet.
#[derive(Debug)]
pub struct Relay {
    pub(super) front: Arc<Front>,
    connections: TaskTracker,
    /// Cancelled when connections are to end with what they are about to answer.
    closing: CancellationToken,
    pub(super) places: Arc<Semaphore>,
    pub(super) most: usize,
    grace: Duration,
}

impl Relay {
    /// Opens the data. Blocks for as long as it takes to read what waits.
    ///
    /// # Errors
    /// Where the data cannot be used.
    pub fn open(options: Options) -> Result<Self, DataError> {
        let data = Data::open(&options.data, options.queue.unwrap_or(Limits::UNTOUCHED))?;
        let metrics = Arc::new(Metrics::new());
        let connections = TaskTracker::new();
        let courier = Courier {
            agents: Agents::default(),
            queue: options.queue.is_some().then(|| data.queue.clone()),
            metrics: Arc::clone(&metrics),
            patience: options.patience,
            blamed: Arc::default(),
            pace: Pace::default(),
            stopping: CancellationToken::new(),
        };
        let largest = usize::try_from(options.max_body).unwrap_or(usize::MAX);
        let front = Front {
            domain: options.domain,
            style: options.style,
            public_https: options.public_https,
            data,
            courier,
            limiter: Limiter::new(options.per_tunnel, Memory::for_bodies_up_to(largest)),
            max_body: options.max_body,
            trusted: options.trusted,
            is_open: options.is_open,
            most_agents: options.max_connections,
            tls: OnceLock::new(),
            draining: AtomicBool::new(false),
            refusals: Refusals::default(),
            metrics,
        };
        Ok(Self {
            front: Arc::new(front),
            connections,
            closing: CancellationToken::new(),
            places: Arc::new(Semaphore::new(options.max_connections)),
            most: options.max_connections,
            grace: options.grace,
        })
    }

    /// How many tokens there are.
    pub async fn tokens(&self) -> usize {
        self.front
            .data
            .tokens
            .list()
            .await
            .map_or(0, |list| list.len())
    }

    /// How many deliveries wait.
    pub fn waiting(&self) -> u64 {
        self.front.data.queue.totals().0
    }

    /// Serves the public side until `stop`; then what is under way is finished, and agents
    /// are told to come again.
    pub async fn serve(self, sockets: Sockets, stop: CancellationToken) {
        let Sockets {
            public,
            tls,
            plain,
            metrics,
        } = sockets;
        let _ = self.front.tls.set(tls.clone());
        let this = Arc::new(self);
        let end = CancellationToken::new();
        let _end = end.clone().drop_guard();
        if let Some(metrics) = metrics {
            tokio::spawn(Arc::clone(&this).serve_metrics(metrics, end.clone()));
        }
        if let Some(plain) = plain {
            let to = Door::Elsewhere(tls.as_ref().and_then(Tls::challenges));
            tokio::spawn(Arc::clone(&this).accept(plain, to, end.clone()));
        }
        let door = tls.map_or(Door::Plain, Door::Tls);
        let pace = this.front.courier.pace.clone().watch();
        tokio::spawn(end.clone().run_until_cancelled_owned(pace));
        let seen = this.front.data.seen();
        tokio::spawn(Arc::clone(&this).watch_tokens(seen, end.clone()));
        tokio::spawn(Arc::clone(&this).accept(public, door, end.clone()));
        stop.cancelled().await;
        this.finish().await;
    }

    /// Finishes what is under way.
    async fn finish(&self) {
        let front = &self.front;
        front.draining.store(true, Ordering::Relaxed);
        front.courier.stopping.cancel();
        tracing::info!(agents = front.courier.agents.count(), "stopping");
        let landed = timeout(self.grace, front.metrics.landed()).await;
        if landed.is_err() {
            tracing::warn!(
                "deliveries are still under way after {} s",
                self.grace.as_secs()
            );
        }
        let farewell = Farewell::new(Farewell::RESTART, "the relay restarts");
        let agents = &front.courier.agents;
        agents.close_where(|_, _| Some(farewell.clone()));
        let _ = timeout(FAREWELL, front.courier.agents.gone()).await;
        // What was cut off by that waits now, which its senders are told.
        let _ = timeout(FAREWELL, front.metrics.landed()).await;
        self.closing.cancel();
        self.connections.close();
        let _ = timeout(FAREWELL, self.connections.wait()).await;
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, door: Door, end: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.closing.cancelled() => return,
                () = end.cancelled() => return,
            };
            let Ok((stream, address)) = accepted else {
                // Descriptors run out; nothing frees up sooner by trying again at once.
                sleep(Duration::from_millis(50)).await;
                continue;
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                self.front.metrics.turned_away(Reason::Busy);
                let refusals = &self.front.refusals;
                refusals.note(Reason::Busy.code(), address.ip(), None);
                tokio::spawn(say_busy(stream));
                continue;
            };
            let (this, door, end) = (Arc::clone(&self), door.clone(), end.clone());
            self.connections.spawn(async move {
                tokio::select! {
                    () = this.enter(stream, address, door) => {}
                    () = end.cancelled() => {}
                }
                drop(place);
            });
        }
    }

    async fn enter(&self, stream: TcpStream, address: SocketAddr, door: Door) {
        // Without it small answers wait for the peer's delayed acknowledgement.
        let _ = stream.set_nodelay(true);
        match door {
            Door::Plain => self.connection(Socket::Plain(stream), address, false).await,
            Door::Tls(tls) => {
                let shaken = timeout(HEAD_WITHIN, tls.accept(stream)).await;
                match shaken {
                    Ok(Ok(stream)) => {
                        let socket = Socket::Tls(Box::new(stream));
                        self.connection(socket, address, true).await;
                    }
                    Ok(Err(error)) => tracing::debug!(%error, "no TLS connection"),
                    Err(_) => tracing::debug!("no TLS handshake in time"),
                }
            }
            Door::Elsewhere(challenges) => self.elsewhere(stream, challenges).await,
        }
    }

    async fn connection(&self, socket: Socket, address: SocketAddr, https: bool) {
        let sender = Sender { address, https };
        let is_http2 = socket.wants_http2();
        let violations = Violations::default();
        let conn = Conn {
            sender,
            violations: (!is_http2).then(|| violations.clone()),
        };
        let front = Arc::clone(&self.front);
        let asked = Asked::default();
        let counted = asked.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            counted.count();
            let (front, conn, stuck) = (Arc::clone(&front), conn.clone(), counted.stuck.clone());
            async move {
                let answer = front.answer(request, &conn).await;
                Ok::<_, Infallible>(answer.map(|body| body.telling(&stuck)))
            }
        });
        let result = if is_http2 {
            http2(TokioIo::new(socket), service, asked, &self.closing).await
        } else {
            let io = TokioIo::new(Strict::new(socket, violations));
            let connection = http1().half_close(true).serve_connection(io, service);
            let mut connection = std::pin::pin!(connection.with_upgrades());
            tokio::select! {
                result = connection.as_mut() => result,
                () = self.closing.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            }
        };
        if let Err(error) = result {
            tracing::trace!(?error, "a connection broke");
        }
    }

    /// Over plain HTTP, where HTTPS is to be spoken.
    async fn elsewhere(&self, stream: TcpStream, challenges: Option<Challenges>) {
        let violations = Violations::default();
        let io = TokioIo::new(Strict::new(Socket::Plain(stream), violations.clone()));
        let service = service_fn(move |request: Request<Incoming>| {
            let answer = match violations.next() {
                Some(violation) => self.front.turn_away(violation),
                None => self.front.redirect(&request, challenges.as_ref()),
            };
            async move { Ok::<_, Infallible>(answer) }
        });
        if let Err(error) = http1().serve_connection(io, service).await {
            tracing::trace!(?error, "a connection broke");
        }
    }

    async fn watch_tokens(self: Arc<Self>, mut seen: Seen, end: CancellationToken) {
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    self.front.catch_up(&mut seen).await;
                    self.front.refusals.tell();
                }
                () = end.cancelled() => return,
            }
        }
    }
}
