//! Requests and answers on a tunnel's HTTP/2.
//!
//! This speaks to `h2` itself: hyper's client hands each request to the connection's task,
//! and that to a task of the request's own, which costs a relay a sixth of its processor
//! time. And it makes a `Content-Length` of a body's size, while a sender's fields are to go
//! through as they are, with one or without.

use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::link::{Flushing, Gathered, Stream, gathered, http2};

/// Sends requests through a connection. Clones are of one connection.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    requests: SendRequest<Bytes>,
    ended: CancellationToken,
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
    };
    let carrying = Carrying {
        connection,
        flushing,
        is_due: false,
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
        this.flushing.poll(Pin::new(&mut this.connection), cx)
    }
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NotSent {
    /// The other end gave this one request up.
    #[error("the other end gave it up: {0}")]
    Reset(Reason),
    /// The other end takes no more requests; it answers those that it has.
    #[error("the other end takes no more")]
    Leaving,
    /// The connection takes no more requests: it is broken, or used up.
    #[error(transparent)]
    Ended(h2::Error),
}

/// Whether the other end says that it will take no more and that nothing is wrong. What it
/// says that of it has not begun to work on.
fn is_leave(error: &h2::Error) -> bool {
    error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR)
}

impl From<h2::Error> for NotSent {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            _ if is_leave(&error) => Self::Leaving,
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

    /// Whether the other end has said that it takes no more requests. Those that it has it
    /// still answers.
    pub(super) fn is_leaving(&self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        let ready = self.requests.clone().poll_ready(&mut cx);
        matches!(ready, Poll::Ready(Err(error)) if is_leave(&error))
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
        let answer = answer.await?;
        Ok(answer.map(Incoming))
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
