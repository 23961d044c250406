//! HTTP as the public side speaks it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::interval;
use tokio_util::sync::CancellationToken;

use super::answer::AnswerBody;
use super::socket::Socket;
use super::strict::MAX_HEAD;

/// How long a head may take, and so how long somebody may be connected without a word.
pub(super) const HEAD_WITHIN: Duration = Duration::from_secs(5);
/// After so long without a word, a sender over HTTP/2 is asked whether it is there.
const ALIVE: Duration = Duration::from_secs(15);
/// A sender over HTTP/2 that asks for nothing for so long, or up to twice, is let go.
const IDLE: Duration = Duration::from_mins(1);

pub(super) fn http1() -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_WITHIN)
        .max_buf_size(2 * MAX_HEAD);
    builder
}

/// A sender that speaks HTTP/2. One that says nothing is asked whether it is still there, and
/// one that asks for nothing gives its place to others.
pub(super) async fn http2<S>(
    io: TokioIo<Socket>,
    service: S,
    asked: Asked,
    closing: &CancellationToken,
) -> hyper::Result<()>
where
    S: hyper::service::Service<
            Request<Incoming>,
            Response = Response<AnswerBody>,
            Error = Infallible,
        >,
    S::Future: Send + 'static,
{
    let connection = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(Some(ALIVE))
        .keep_alive_timeout(HEAD_WITHIN)
        .max_header_list_size(u32::try_from(MAX_HEAD).unwrap_or(u32::MAX))
        .max_concurrent_streams(256)
        .serve_connection(io, service);
    tokio::pin!(connection);
    tokio::select! {
        result = connection.as_mut() => return result,
        () = asked.no_more() => connection.as_mut().graceful_shutdown(),
        () = closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    // A sender that takes nothing of an answer, and asks for nothing, could stay for ever.
    tokio::select! {
        result = connection => result,
        () = asked.stuck.cancelled() => Ok(()),
    }
}

/// What is known of a connection's requests.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    /// How many there were.
    count: Arc<AtomicU64>,
    /// Cancelled when its sender does not take an answer.
    pub(super) stuck: CancellationToken,
}

impl Asked {
    /// Counts one.
    pub(super) fn count(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there was none for a while. What is under way is not cut off by that.
    async fn no_more(&self) {
        let mut interval = interval(IDLE);
        let mut before = u64::MAX;
        loop {
            interval.tick().await;
            let now = self.count.load(Ordering::Relaxed);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

/// Tells somebody that there are too many.
pub(super) async fn say_busy(stream: TcpStream) {
    const BUSY: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\ncmhook-reason: busy\r\n\
        retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if stream.writable().await.is_ok() {
        let _ = stream.try_write(BUSY);
    }
}
