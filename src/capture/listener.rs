//! The local door: a socket, and hyper behind it.

use std::error::Error as _;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::AnswerBody;
use super::intake::{Intake, MAX_HEADERS};
use super::paced::{Paced, Paces};
use super::peer::Peer;
use super::wire_watch::{Watch, Watched};
use crate::delivery::{RefusalCode, Warning};
use crate::http::port_owner;

/// How long a header block may take, from the first byte of a connection or from the
/// end of the request before it.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

/// Connections that may wait to be taken in. Of a burst over this, some try again after a
/// second; the customary 128 are few.
const QUEUE: u32 = 4096;

/// Descriptors that are left to connections to apps, to the store and to everything else:
/// a quarter of all, and so many at least. Whoever is connected can then be served.
const RESERVED_DESCRIPTORS: usize = 32;

/// How often it is said that there are too many connections.
const REMIND_AFTER: Duration = Duration::from_mins(1);

/// What an HTTP/2 client with prior knowledge says first (RFC 9113 section 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// Somebody else has the port.
    #[error("port {} on {} is in use{}", address.port(), address.ip(), owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Which process, as far as it is known.
        owner: Option<String>,
    },
    /// The operating system said no.
    #[error("cannot listen on {address}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
}

/// Takes the port.
///
/// # Errors
/// Where it is in use or may not be used.
pub fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse {
            address,
            owner: port_owner::find(address),
        },
        _ => ListenError::Io { address, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        SocketAddr::V4(_) => TcpSocket::new_v4()?,
        SocketAddr::V6(_) => TcpSocket::new_v6()?,
    };
    // Elsewhere this would share the port with whoever has it.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(QUEUE)
}

/// Serves the socket until `stop`, then finishes the requests under way. Returns at
/// once when `stop` comes; `connections` tells when the last one has ended.
pub async fn serve(
    listener: TcpListener,
    intake: Arc<Intake>,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    let (most, limit) = most_connections();
    let room = Arc::new(Semaphore::new(most));
    let mut reminder = Reminder(None);
    loop {
        if room.available_permits() == 0 {
            reminder.warn(&intake, || {
                format!(
                    "{most} connections are open, as many as the limit of {limit} open files leaves room for; others wait until one closes"
                )
            });
        }
        let place = tokio::select! {
            place = Arc::clone(&room).acquire_owned() => place,
            () = stop.cancelled() => return,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let (intake, stop) = (Arc::clone(&intake), stop.clone());
                let open = connections.clone();
                connections.spawn(async move {
                    serve_connection(stream, address.into(), intake, open, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                if is_exhausted(&error) {
                    reminder.warn(&intake, || {
                        format!("cannot accept another connection: {error}")
                    });
                    // Nothing frees up sooner by trying again at once.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
    }
}

/// How many connections may be open, and of how many descriptors that is a part.
fn most_connections() -> (usize, u64) {
    // Raises nothing that is not raised already, but tells.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(u64::MAX);
    let all = usize::try_from(limit).unwrap_or(usize::MAX);
    let rest = all.saturating_sub((all / 4).max(RESERVED_DESCRIPTORS));
    (rest.clamp(1, Semaphore::MAX_PERMITS), limit)
}

/// Warns of too many connections now and then, however often there are.
struct Reminder(Option<Instant>);

impl Reminder {
    fn warn(&mut self, intake: &Intake, message: impl FnOnce() -> String) {
        if self.0.is_none_or(|last| last.elapsed() > REMIND_AFTER) {
            self.0 = Some(Instant::now());
            intake.store().warn(Warning {
                code: "too_many_connections",
                message: message(),
                hint: "raise the limit of open files (`ulimit -n`), or find out who opens so many"
                    .into(),
            });
        }
    }
}

/// Whether the process or the system has no descriptors or memory left; all other
/// errors of accept belong to the one connection.
fn is_exhausted(error: &io::Error) -> bool {
    #[cfg(unix)]
    // EMFILE, ENFILE, ENOBUFS, ENOMEM; std has no kinds for the first three.
    return matches!(error.raw_os_error(), Some(24 | 23 | 105 | 55 | 12));
    #[cfg(not(unix))]
    return error.kind() == io::ErrorKind::OutOfMemory;
}

/// What the first bytes of a connection say.
enum Opening {
    Http1(Vec<u8>),
    Http2(Vec<u8>),
    Tls,
    Closed,
    Silent(Vec<u8>),
}

/// Enough for most requests, so that a sender's first one takes one read.
const FIRST_READ: usize = 4 << 10;

/// Reads as far as it takes to tell the protocols apart. hyper-util's own detection
/// would wait for ever.
async fn open(stream: &mut TcpStream) -> Opening {
    let mut seen = Vec::new();
    let reading = async {
        loop {
            if stream.readable().await.is_err() {
                return false;
            }
            // Nothing is set aside for a connection that says nothing.
            seen.reserve(FIRST_READ);
            match stream.try_read_buf(&mut seen) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Ok(0) | Err(_) => return false,
                Ok(_) if seen.len() >= PREFACE.len() || !PREFACE.starts_with(&seen) => return true,
                Ok(_) => {}
            }
        }
    };
    match timeout(HEADERS_WITHIN, reading).await {
        Err(_) => Opening::Silent(seen),
        // What was begun and broken off is for hyper to judge.
        Ok(false) if seen.is_empty() => Opening::Closed,
        Ok(_) if seen.starts_with(PREFACE) => Opening::Http2(seen),
        // A handshake record of TLS, any version.
        Ok(_) if seen.starts_with(&[0x16, 0x03]) => Opening::Tls,
        Ok(_) => Opening::Http1(seen),
    }
}

async fn serve_connection(
    mut stream: TcpStream,
    peer: Peer,
    intake: Arc<Intake>,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    // Without it small answers wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let refuse = |line: Option<&str>, code, reason: &str| {
        intake.refuse(&peer, line, code, None, reason.to_owned());
    };
    let opening = tokio::select! {
        opening = open(&mut stream) => opening,
        () = stop.cancelled() => return,
    };
    match opening {
        Opening::Closed => {}
        Opening::Silent(seen) if seen.is_empty() => {}
        Opening::Silent(seen) => refuse(
            request_line(&seen).as_deref(),
            RefusalCode::TooSlow,
            "the headers did not come within 10 s",
        ),
        Opening::Tls => refuse(
            None,
            RefusalCode::Malformed,
            "the sender speaks TLS, and this port is plain HTTP: use http:// in its URL",
        ),
        Opening::Http1(seen) => {
            let watch = Watch::default();
            let io = Watched::new(stream, seen, watch.clone(), connections);
            serve_http1(io, watch, &peer, &intake, &stop).await;
        }
        Opening::Http2(seen) => {
            let io = Watched::new(stream, seen, Watch::default(), connections);
            serve_http2(io, &peer, &intake, &stop).await;
        }
    }
}

async fn serve_http1(
    io: Watched,
    watch: Watch,
    peer: &Peer,
    intake: &Arc<Intake>,
    stop: &CancellationToken,
) {
    let clearing = watch.clone();
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_WITHIN)
        .max_buf_size(MAX_HEADERS)
        .preserve_header_case(true)
        .half_close(true)
        .serve_connection(
            TokioIo::new(io),
            service(intake, peer, move |body| {
                clearing.clear();
                body.into()
            }),
        );
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result
        && let Some((code, reason)) = refusal_of(&error)
    {
        let head = watch.head();
        // Between requests there is nothing to refuse; but what cannot be parsed has come,
        // even if it came together with the request before it.
        let has_come = matches!(code, RefusalCode::Malformed | RefusalCode::HeadersTooLarge);
        if has_come || !head.is_empty() {
            let line = request_line(&head);
            intake.refuse(peer, line.as_deref(), code, None, reason);
        }
    }
}

async fn serve_http2(io: Watched, peer: &Peer, intake: &Arc<Intake>, stop: &CancellationToken) {
    let paces = Paces::default();
    let watching = paces.clone();
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(HEADERS_WITHIN)
        .max_header_list_size(64 << 10)
        .max_concurrent_streams(256)
        .serve_connection(
            TokioIo::new(io),
            service(intake, peer, move |body| watching.watch(body)),
        );
    tokio::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = paces.stalled() => return,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    // A connection that is no longer there when it is pinged has asked nothing; what it had
    // asked before is refused by itself.
    if let Err(error) = result
        && !error.is_timeout()
        && let Some(why) = error.source().filter(|why| !why.is::<io::Error>())
    {
        let reason = format!("it is not HTTP/2 as it should be: {why}");
        intake.refuse(peer, None, RefusalCode::Malformed, None, reason);
    }
}

type Answer = http::Response<Paced>;

/// The service that hyper calls for each request; each answer's body goes through
/// `answered`.
fn service<A: Fn(AnswerBody) -> Paced + Clone + Send + 'static>(
    intake: &Arc<Intake>,
    peer: &Peer,
    answered: A,
) -> impl hyper::service::Service<
    http::Request<hyper::body::Incoming>,
    Response = Answer,
    Error = std::convert::Infallible,
    Future: Send,
> + use<A> {
    let (intake, peer) = (Arc::clone(intake), peer.clone());
    service_fn(move |request| {
        let (intake, peer, answered) = (Arc::clone(&intake), peer.clone(), answered.clone());
        async move {
            let answer = intake.deliver(request, &peer).await;
            Ok(answer.map(answered))
        }
    })
}

/// What hyper's error means, if it refused something by itself.
fn refusal_of(error: &hyper::Error) -> Option<(RefusalCode, String)> {
    if error.is_parse_too_large() {
        let reason =
            "the request line or the header block is too large: 64 KiB and 100 headers are allowed";
        Some((RefusalCode::HeadersTooLarge, reason.into()))
    } else if error.is_parse() {
        Some((
            RefusalCode::Malformed,
            format!("it is not HTTP as it should be: {error}"),
        ))
    } else if error.is_timeout() {
        let reason = "the headers did not come within 10 s";
        Some((RefusalCode::TooSlow, reason.into()))
    } else if error.is_incomplete_message() {
        let reason = "the sender hung up in the middle of the headers";
        Some((RefusalCode::Incomplete, reason.into()))
    } else {
        None
    }
}

/// `METHOD /path` of what came, as far as it came.
fn request_line(head: &[u8]) -> Option<String> {
    let line = head.split(|b| matches!(b, b'\r' | b'\n')).next()?;
    let text = String::from_utf8_lossy(line);
    let mut words = text.split(' ').filter(|word| !word.is_empty());
    let method = words.next()?;
    Some(match words.next() {
        Some(path) => format!("{method} {path}"),
        None => method.to_owned(),
    })
}
