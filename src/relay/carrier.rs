//! Requests and answers on a tunnel's HTTP/2.
//!
//! This speaks to `h2` itself: hyper's client hands each request to the connection's task,
//! and that to a task of the request's own, which costs a relay a sixth of its processor
//! time. And it makes a `Content-Length` of a body's size, while a sender's fields are to go
//! through as they are, with one or without.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::link::{Flushing, Gathered, Stream, gathered, http2};

/// How long a connection that broke may take to end.
const ENDS_WITHIN: Duration = Duration::from_secs(1);

/// Sends requests through a connection. Clones are of one connection.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    requests: SendRequest<Bytes>,
    ended: CancellationToken,
    is_faulty: Arc<AtomicBool>,
}

/// Begins to speak HTTP/2 on a stream: what sends requests, and what has to be waited for so
/// that they get anywhere.
pub(super) async fn begin<S: AsyncRead + AsyncWrite + Unpin>(
    stream: Stream<S>,
) -> Result<(Carrier, Carrying<S>), h2::Error> {
    let (io, flushing) = gathered(stream);
    let (requests, connection) = http2::client().handshake(io).await?;
    let ended = CancellationToken::new();
    let carrier = Carrier {
        requests,
        ended: ended.clone(),
        is_faulty: Arc::default(),
    };
    let carrying = Carrying {
        connection,
        flushing,
        is_due: false,
        is_faulty: Arc::clone(&carrier.is_faulty),
        _ended: ended.drop_guard(),
    };
    Ok((carrier, carrying))
}

/// The connection, until it ends.
#[derive(Debug)]
pub(super) struct Carrying<S: AsyncRead + AsyncWrite + Unpin> {
    connection: Connection<Gathered<S>, Bytes>,
    flushing: Flushing<S>,
    // Everybody else that was ready has run since it was woken.
    is_due: bool,
    // How it ended.
    is_faulty: Arc<AtomicBool>,
    _ended: DropGuard,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Carrying<S> {
    type Output = Result<(), h2::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // What wakes it is a request to be sent, and the scheduler would have it run next. It
        // goes to the end of the line once, so that what others have to send by then goes
        // out with it, in one message and one write.
        self.is_due = !self.is_due;
        if self.is_due {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let this = &mut *self;
        let ended = ready!(this.flushing.poll(Pin::new(&mut this.connection), cx));
        if ended.as_ref().is_err_and(is_fault) {
            this.is_faulty.store(true, Ordering::Relaxed);
        }
        Poll::Ready(ended)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// The other end gave this one request up.
    #[error("the other end gave it up: {0}")]
    Reset(Reason),
    /// The connection takes no more requests: it is broken, or used up.
    #[error(transparent)]
    Ended(h2::Error),
    /// The connection broke while the other end had this request.
    #[error("{error}")]
    Broke {
        error: h2::Error,
        /// One of the two ends found something wrong with what the other said, and ended it.
        is_fault: bool,
    },
}

fn is_fault(error: &h2::Error) -> bool {
    error.is_go_away() && error.reason() != Some(Reason::NO_ERROR)
}

impl From<h2::Error> for NotSent {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            Some(reason) if error.is_reset() => Self::Reset(reason),
            _ => Self::Ended(error),
        }
    }
}

impl Carrier {
    /// Whether the connection is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Sends a request and waits for the head of its answer. Who stops waiting cancels it.
    pub(super) async fn send(
        &self,
        request: Request<()>,
        body: Bytes,
    ) -> Result<Response<Incoming>, NotSent> {
        let mut requests = self.requests.clone().ready().await?;
        let (answer, mut stream) = requests.send_request(request, body.is_empty())?;
        if !body.is_empty() {
            // All of it is here already; `h2` sends as much as the other end lets it.
            stream.send_data(body, true)?;
        }
        match answer.await {
            Ok(answer) => Ok(answer.map(Incoming)),
            Err(error) => Err(self.after(error).await),
        }
    }

    /// What became of a request that was sent.
    async fn after(&self, error: h2::Error) -> NotSent {
        let error = match NotSent::from(error) {
            NotSent::Ended(error) => error,
            other => return other,
        };
        // Of a stream it is only told that the connection is gone; why, when it has ended.
        let _ = timeout(ENDS_WITHIN, self.ended.cancelled()).await;
        let is_fault = is_fault(&error) || self.is_faulty.load(Ordering::Relaxed);
        NotSent::Broke { error, is_fault }
    }
}

/// An answer's body.
#[derive(Debug)]
pub(super) struct Incoming(RecvStream);

impl Body for Incoming {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let Some(data) = ready!(self.0.poll_data(cx)) else {
            // Trailers are dropped, as every framework does.
            return Poll::Ready(None);
        };
        let data = data?;
        // The other end may send as much again.
        self.0.flow_control().release_capacity(data.len())?;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        if self.0.is_end_stream() {
            SizeHint::with_exact(0)
        } else {
            SizeHint::default()
        }
    }
}
