//! Answers that are under way, so that none of them holds what it holds for ever.
//!
//! An agent may stop in the middle of one, and a sender may stop to take it: over HTTP/2
//! nothing is written to a socket then that could run into a limit, and nobody asks for the
//! answer's next piece. So all of them are looked at once a second.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::Reason;
use hyper::body::{Body as _, Frame, SizeHint};
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::carrier::Incoming;
use super::limits::Place;
use super::metrics::InFlight;
use crate::http::stall::TAKES_WITHIN;

const LOOK: Duration = Duration::from_secs(1);

/// All answers that are under way; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace(Arc<Mutex<Vec<Weak<Through>>>>);

impl Pace {
    fn all(&self) -> MutexGuard<'_, Vec<Weak<Through>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An answer that begins, and what is held until it has gone through. The agent may take
    /// so long for its next piece.
    pub(super) fn begin(
        &self,
        incoming: Incoming,
        place: Place,
        patience: Duration,
    ) -> Arc<Through> {
        let has_ended = incoming.is_end_stream();
        let through = Arc::new(Through(Mutex::new(State {
            under_way: Some(UnderWay {
                incoming,
                _place: place,
                flight: None,
                stuck: None,
            }),
            waits_for: Side::Sender,
            since: Instant::now(),
            patience,
            waker: None,
        })));
        if !has_ended {
            self.all().push(Arc::downgrade(&through));
        }
        through
    }

    /// Gives up those that have come to a stop, again and again.
    pub(super) async fn watch(self) {
        let mut look = interval(LOOK);
        loop {
            look.tick().await;
            self.look();
        }
    }

    fn look(&self) {
        let goes_on = |through: &Weak<Through>| {
            let through = through.upgrade();
            through.is_some_and(|through| !through.state().has_stopped())
        };
        self.all().retain(goes_on);
    }
}

/// Whose turn it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// To give the next piece.
    Agent,
    /// To take it.
    Sender,
}

/// An answer that comes through a tunnel.
#[derive(Debug)]
pub(super) struct Through(Mutex<State>);

#[derive(Debug)]
struct State {
    /// `None` where it was given up.
    under_way: Option<UnderWay>,
    waits_for: Side,
    since: Instant,
    patience: Duration,
    waker: Option<Waker>,
}

#[derive(Debug)]
struct UnderWay {
    incoming: Incoming,
    _place: Place,
    flight: Option<InFlight>,
    stuck: Option<CancellationToken>,
}

impl State {
    /// Gives it up where one side has been waited for too long.
    fn has_stopped(&mut self) -> bool {
        let may_take = match self.waits_for {
            Side::Agent => self.patience,
            Side::Sender => TAKES_WITHIN,
        };
        if self.since.elapsed() < may_take {
            return false;
        }
        tracing::debug!(waits_for = ?self.waits_for, "an answer has come to a stop");
        let under_way = self.under_way.take();
        if let Some(stuck) = under_way.and_then(|under_way| under_way.stuck)
            && self.waits_for == Side::Sender
        {
            stuck.cancel();
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }
}

impl Through {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds this too, as long as it lasts.
    pub(super) fn hold(&self, flight: InFlight) {
        if let Some(under_way) = &mut self.state().under_way {
            under_way.flight = Some(flight);
        }
    }

    /// Cancels this where its sender stops to take it.
    pub(super) fn tell(&self, stuck: CancellationToken) {
        if let Some(under_way) = &mut self.state().under_way {
            under_way.stuck = Some(stuck);
        }
    }

    pub(super) fn poll_frame(
        &self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        let mut state = self.state();
        let Some(under_way) = &mut state.under_way else {
            return Poll::Ready(Some(Err(Reason::CANCEL.into())));
        };
        let polled = Pin::new(&mut under_way.incoming).poll_frame(cx);
        let side = match &polled {
            Poll::Ready(_) => Side::Sender,
            Poll::Pending => {
                state.waker = Some(cx.waker().clone());
                Side::Agent
            }
        };
        // That nothing has come yet may be asked any number of times.
        if polled.is_ready() || state.waits_for != side {
            state.since = Instant::now();
        }
        state.waits_for = side;
        polled
    }

    pub(super) fn is_end_stream(&self) -> bool {
        let state = self.state();
        let under_way = state.under_way.as_ref();
        under_way.is_some_and(|under_way| under_way.incoming.is_end_stream())
    }

    pub(super) fn size_hint(&self) -> SizeHint {
        let state = self.state();
        let under_way = state.under_way.as_ref();
        under_way.map_or_else(SizeHint::default, |under_way| {
            under_way.incoming.size_hint()
        })
    }
}
