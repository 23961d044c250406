//! The local door: a socket, and hyper behind it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::intake::{Intake, MAX_HEADERS, Peer};
use super::wire_watch::{Watch, Watched};
use crate::delivery::{RefusalCode, Warning};
use crate::http::port_owner;

/// How long a header block may take, from the first byte of a connection or from the
/// end of the request before it.
const HEADERS_WITHIN: Duration = Duration::from_secs(10);

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
pub async fn bind(address: SocketAddr) -> Result<TcpListener, ListenError> {
    TcpListener::bind(address)
        .await
        .map_err(|source| match source.kind() {
            io::ErrorKind::AddrInUse => ListenError::InUse {
                address,
                owner: port_owner::find(address),
            },
            _ => ListenError::Io { address, source },
        })
}

/// Serves the socket until `stop`, then finishes the requests under way. Returns at
/// once when `stop` comes; `connections` tells when the last one has ended.
pub async fn serve(
    listener: TcpListener,
    intake: Arc<Intake>,
    connections: TaskTracker,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, address)) => {
                let (intake, stop) = (Arc::clone(&intake), stop.clone());
                connections.spawn(serve_connection(stream, address.into(), intake, stop));
            }
            Err(error) => {
                if is_exhausted(&error) {
                    intake.store().warn(Warning {
                        code: "too_many_connections",
                        message: format!("cannot accept another connection: {error}"),
                        hint: "raise the limit of open files (`ulimit -n`)".into(),
                    });
                    // Nothing frees up sooner by trying again at once.
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
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
    let watch = Watch::default();
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
            let io = TokioIo::new(Watched::new(stream, seen, watch.clone()));
            let service = service(&intake, &peer, Some(watch.clone()));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_WITHIN)
                .max_buf_size(MAX_HEADERS)
                .preserve_header_case(true)
                .half_close(true)
                .serve_connection(io, service);
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
                // Between requests there is nothing to refuse; but what cannot be parsed
                // has come, even if it came together with the request before it.
                let has_come =
                    matches!(code, RefusalCode::Malformed | RefusalCode::HeadersTooLarge);
                if has_come || !head.is_empty() {
                    refuse(request_line(&head).as_deref(), code, &reason);
                }
            }
        }
        Opening::Http2(seen) => {
            let io = TokioIo::new(Watched::new(stream, seen, watch));
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .keep_alive_interval(Some(Duration::from_secs(20)))
                .keep_alive_timeout(HEADERS_WITHIN)
                .max_header_list_size(64 << 10)
                .max_concurrent_streams(256)
                .serve_connection(io, service(&intake, &peer, None));
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
                refuse(None, code, &reason);
            }
        }
    }
}

type Answer = http::Response<super::answer::AnswerBody>;

/// The service that hyper calls for each request.
fn service(
    intake: &Arc<Intake>,
    peer: &Peer,
    watch: Option<Watch>,
) -> impl hyper::service::Service<
    http::Request<hyper::body::Incoming>,
    Response = Answer,
    Error = std::convert::Infallible,
    Future: Send,
> + use<> {
    let (intake, peer) = (Arc::clone(intake), peer.clone());
    service_fn(move |request| {
        let (intake, peer, watch) = (Arc::clone(&intake), peer.clone(), watch.clone());
        async move {
            let answer = intake.deliver(request, &peer).await;
            if let Some(watch) = watch {
                watch.clear();
            }
            Ok(answer)
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
