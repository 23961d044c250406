//! What goes back to the sender: the app's own answer, or one of cmhook's.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};

use crate::http::body::is_misframed;

/// An answer's body.
#[derive(Debug)]
pub enum AnswerBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// Its start, and the rest as it comes from the app.
    Rest(Box<Rest>),
}

impl AnswerBody {
    /// A body that is all here.
    pub fn whole(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Whole(None)
        } else {
            Self::Whole(Some(bytes))
        }
    }
}

impl From<Bytes> for AnswerBody {
    fn from(bytes: Bytes) -> Self {
        Self::whole(bytes)
    }
}

/// Called once.
type OnEnd = Box<dyn FnOnce(End) + Send>;

/// How a streamed answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All of it came, so many bytes.
    Complete(u64),
    /// The app broke off after so many bytes.
    Broken(u64),
    /// The app framed its chunks wrongly after so many bytes.
    Misframed(u64),
    /// The app sent nothing for too long, after so many bytes.
    Silent(u64),
    /// The sender hung up after so many bytes.
    SenderGone(u64),
}

/// An answer that is too large to be held whole.
pub struct Rest {
    start: Option<Bytes>,
    incoming: Incoming,
    seen: u64,
    idle: Duration,
    deadline: Pin<Box<tokio::time::Sleep>>,
    on_end: Option<OnEnd>,
}

impl std::fmt::Debug for Rest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest")
            .field("seen", &self.seen)
            .finish_non_exhaustive()
    }
}

impl Rest {
    /// `start` first and then `rest`, with at most `idle` between its chunks.
    pub fn new(
        start: Bytes,
        rest: Incoming,
        idle: Duration,
        on_end: impl FnOnce(End) + Send + 'static,
    ) -> Self {
        Self {
            seen: start.len() as u64,
            start: Some(start),
            incoming: rest,
            idle,
            deadline: Box::pin(tokio::time::sleep(idle)),
            on_end: Some(Box::new(on_end)),
        }
    }

    fn end(&mut self, end: End) {
        if let Some(on_end) = self.on_end.take() {
            on_end(end);
        }
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        self.end(End::SenderGone(self.seen));
    }
}

/// The app broke off, so the sender's answer breaks off too.
#[derive(Debug, thiserror::Error)]
#[error("the app's answer broke off")]
pub struct BrokeOff;

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let rest = match self.get_mut() {
            Self::Whole(bytes) => return Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Rest(rest) => rest,
        };
        if let Some(start) = rest.start.take() {
            return Poll::Ready(Some(Ok(Frame::data(start))));
        }
        match Pin::new(&mut rest.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                rest.seen += frame.data_ref().map_or(0, Bytes::len) as u64;
                let next = tokio::time::Instant::now() + rest.idle;
                rest.deadline.as_mut().reset(next);
                if rest.incoming.is_end_stream() {
                    rest.end(End::Complete(rest.seen));
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(error))) => {
                rest.end(if is_misframed(&error) {
                    End::Misframed(rest.seen)
                } else {
                    End::Broken(rest.seen)
                });
                Poll::Ready(Some(Err(BrokeOff)))
            }
            Poll::Ready(None) => {
                rest.end(End::Complete(rest.seen));
                Poll::Ready(None)
            }
            Poll::Pending => {
                if Future::poll(rest.deadline.as_mut(), cx).is_ready() {
                    rest.end(End::Silent(rest.seen));
                    return Poll::Ready(Some(Err(BrokeOff)));
                }
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Rest(rest) => rest.start.is_none() && rest.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Rest(rest) => {
                let start = rest.start.as_ref().map_or(0, Bytes::len) as u64;
                rest.incoming
                    .size_hint()
                    .exact()
                    .map_or_else(SizeHint::default, |n| SizeHint::with_exact(start + n))
            }
        }
    }
}

/// An answer of cmhook's own: plain text that says who speaks. Statuses that ask for
/// another try say when.
pub fn own(status: StatusCode, text: &str) -> Response<AnswerBody> {
    let mut body = BytesMut::new();
    if !matches!(
        status,
        StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED | StatusCode::RESET_CONTENT
    ) {
        body.extend_from_slice(b"cmhook: ");
        body.extend_from_slice(text.as_bytes());
        body.extend_from_slice(b"\n");
    }
    let mut response = Response::new(AnswerBody::whole(body.freeze()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if !response_has_no_body(status) {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/plain; charset=utf-8"),
        );
    }
    if status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(RETRY_AFTER, HeaderValue::from_static("5"));
    }
    response
}

const fn response_has_no_body(status: StatusCode) -> bool {
    matches!(status.as_u16(), 204 | 205 | 304)
}
