//! Answers over HTTP/2 that their sender does not take.
//!
//! There the socket goes on, pings and all, while a stream's window stays closed: nothing is
//! written that could stall, and hyper just does not ask for more of the body. Such an
//! answer would keep its connection to the app and its delivery's place in the ring for
//! ever. (Over HTTP/1 the socket itself stalls, see `wire_watch`.)

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Instant, interval};

use super::answer::{AnswerBody, BrokeOff};
use crate::http::stall::TAKES_WITHIN;

/// Answers up to this size are not looked after; a connection has 256 of them at most.
const SMALL: u64 = 16 << 10;

/// Since when the sender could have taken more; `None` while it is the app that is waited
/// for.
#[derive(Debug)]
struct Pace(Mutex<Option<Instant>>);

/// An answer's body that knows when it was last asked for more.
#[derive(Debug)]
pub struct Paced {
    body: AnswerBody,
    pace: Option<Arc<Pace>>,
}

impl From<AnswerBody> for Paced {
    /// One that nobody looks after.
    fn from(body: AnswerBody) -> Self {
        Self { body, pace: None }
    }
}

/// The answers of one connection.
#[derive(Debug, Clone, Default)]
pub struct Paces(Arc<Mutex<Vec<Weak<Pace>>>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Paces {
    /// Looks after this one.
    pub fn watch(&self, body: AnswerBody) -> Paced {
        if body.size_hint().exact().is_some_and(|size| size <= SMALL) {
            return body.into();
        }
        let pace = Arc::new(Pace(Mutex::new(Some(Instant::now()))));
        lock(&self.0).push(Arc::downgrade(&pace));
        Paced {
            body,
            pace: Some(pace),
        }
    }

    /// Waits until the sender has taken nothing of some answer for too long.
    pub async fn stalled(&self) {
        let mut now_and_then = interval(TAKES_WITHIN / 6);
        loop {
            now_and_then.tick().await;
            let mut open = lock(&self.0);
            open.retain(|pace| pace.strong_count() > 0);
            let mut since = open
                .iter()
                .filter_map(Weak::upgrade)
                .filter_map(|pace| *lock(&pace.0));
            if since.any(|since| since.elapsed() > TAKES_WITHIN) {
                return;
            }
        }
    }
}

impl Body for Paced {
    type Data = Bytes;
    type Error = BrokeOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BrokeOff>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if let Some(pace) = &self.pace {
            *lock(&pace.0) = frame.is_ready().then(Instant::now);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
