//! Requests and answers on a tunnel's HTTP/2.
//!
//! This speaks to `h2` itself: hyper's client hands each request to the connection's task,
//! and that to a task of the request's own, which costs a relay a sixth of its processor
//! time. And it makes a `Content-Length` of a body's size, while a sender's fields are to go
//! through as they are, with one or without.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use h2::client::{Connection, SendRequest};
use h2::{Reason, RecvStream};
use http::{Request, Response};
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::http::body::Reservation;
use crate::link::{Flushing, Gathered, Stream, gathered, http2};

/// Memory on one connection for bodies that nobody else accounts for, in KiB.
const ROOM: u32 = 16 << 10;

/// Sends requests through a connection. Clones are of one connection.
#[derive(Debug, Clone)]
pub(super) struct Carrier {
    requests: SendRequest<Load>,
    ended: CancellationToken,
    room: Arc<Semaphore>,
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
        room: Arc::new(Semaphore::new(ROOM as usize)),
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
    connection: Connection<Gathered<S>, Load>,
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

    /// Room for a body that nobody else accounts for; `None` where the other end has not taken
    /// enough of those before.
    pub(super) fn room(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room);
        room.try_acquire_many_owned(share(size)).ok()
    }

    /// The same, and waits for it.
    pub(super) async fn wait_for_room(&self, size: usize) -> Option<OwnedSemaphorePermit> {
        let room = Arc::clone(&self.room);
        room.acquire_many_owned(share(size)).await.ok()
    }

    /// Sends a request and waits for the head of its answer. Who stops waiting cancels it.
    pub(super) async fn send(
        &self,
        request: Request<()>,
        body: Load,
    ) -> Result<Response<Incoming>, NotSent> {
        let mut requests = self.requests.clone().ready().await?;
        let is_empty = body.remaining() == 0;
        let (answer, mut stream) = requests.send_request(request, is_empty)?;
        if !is_empty {
            // All of it is here already; `h2` sends as much as the other end lets it.
            stream.send_data(body, true)?;
        }
        match answer.await {
            Ok(answer) => Ok(answer.map(Incoming)),
            Err(error) => Err(self.after(error)),
        }
    }

    /// What became of a request that was sent.
    fn after(&self, error: h2::Error) -> NotSent {
        let error = match NotSent::from(error) {
            NotSent::Ended(error) => error,
            other => return other,
        };
        // To one that the other end has begun with is only said that the connection is gone;
        // to a new one, why.
        let mut cx = Context::from_waker(Waker::noop());
        let next = self.requests.clone().poll_ready(&mut cx);
        let is_fault = is_fault(&error) || matches!(&next, Poll::Ready(Err(why)) if is_fault(why));
        NotSent::Broke { error, is_fault }
    }
}

/// So much of the room, in KiB; what is larger than all of it takes all of it.
fn share(size: usize) -> u32 {
    u32::try_from(size / 1024 + 1).unwrap_or(ROOM).min(ROOM)
}

/// A request's body. An agent may answer before it has taken all of it, or any, and `h2` holds
/// the rest: what accounts for its memory is held as long.
#[derive(Debug)]
pub(super) struct Load {
    bytes: Bytes,
    _memory: Option<Arc<Reservation>>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Load {
    pub(super) fn new(
        bytes: Bytes,
        memory: Option<Arc<Reservation>>,
        room: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self {
            bytes,
            _memory: memory,
            _room: room,
        }
    }
}

impl Buf for Load {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
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
