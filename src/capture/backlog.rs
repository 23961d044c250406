//! What waited at the relay and now waits for the app: forwarded one after the other, in the
//! order in which it arrived, behind the answers that the relay has got. The store knows which
//! those are, so what a stop leaves is forwarded by the next start.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use http_body_util::BodyExt as _;
use tokio::sync::{OwnedMutexGuard, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::behind::Behind;
use super::controls::Controls;
use super::forward::{Errand, Forwarder, Head};
use super::intake::MAX_HEADERS;
use crate::config::Target;
use crate::delivery::{Cause, Delivery};
use crate::http::body::{Budget, Reservation};
use crate::store::{Hold, Store};

/// Memory for what waits for the app, beside the intake's.
const ROOM: usize = 48 << 20;
/// What one takes beside its head and body: its place in the ring, which does not let go of
/// it, and in here.
const BESIDE: usize = 4 << 10;
/// How long those that come behind one for which there was no room have to wait for it: it
/// comes again, and first. The relay pauses for up to 30 s.
const COMES_AGAIN_WITHIN: Duration = Duration::from_secs(40);

/// Forwards them.
#[derive(Debug)]
pub(super) struct Backlog {
    store: Store,
    controls: Controls,
    forwarder: Arc<Forwarder>,
    behind: Arc<Behind>,
    running: Running,
    room: Arc<Budget>,
    order: Arc<tokio::sync::Mutex<()>>,
    line: Mutex<Line>,
}

/// Where it runs, and how long.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) tasks: TaskTracker,
    /// Leaves what waits for the next start, where the store keeps it until then.
    pub(super) stop: CancellationToken,
    /// Ends it.
    pub(super) hurry: CancellationToken,
}

/// Those that wait.
#[derive(Debug, Default)]
struct Line {
    seats: VecDeque<oneshot::Receiver<Job>>,
    // Whether there is a task that forwards them.
    runs: bool,
    // One for which there was no room, and until when it comes before all others.
    first: Option<(Box<str>, Instant)>,
}

/// One that is in the journal and to be forwarded.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) delivery: Arc<Delivery>,
    pub(super) head: Head,
    pub(super) targets: Vec<Target>,
    pub(super) hold: Hold,
    /// `None` for one that was kept before this run.
    pub(super) room: Option<Reservation>,
}

/// A place among those that wait, for one that may not be in the journal yet. Where it is
/// dropped, nobody waits for that one.
#[derive(Debug)]
pub(super) struct Seat(oneshot::Sender<Job>);

impl Seat {
    pub(super) fn fill(self, job: Job) {
        // Nobody takes it any more where cmhook stops; it is in the store.
        let _ = self.0.send(job);
    }
}

/// A place in the order of arrival. Bodies come in side by side, and what has come in waits
/// here for those before it. Where it is dropped, nobody waits for it.
pub(super) enum Turn {
    Now(OwnedMutexGuard<()>),
    Later(Pin<Box<dyn Future<Output = OwnedMutexGuard<()>> + Send>>),
}

impl Turn {
    /// Waits until it is this one's turn, which lasts as long as what is returned.
    pub(super) async fn come(self) -> OwnedMutexGuard<()> {
        match self {
            Self::Now(guard) => guard,
            Self::Later(guard) => guard.await,
        }
    }
}

impl Backlog {
    /// For bodies up to `largest` bytes.
    pub(super) fn new(
        store: &Store,
        controls: &Controls,
        forwarder: &Arc<Forwarder>,
        behind: &Arc<Behind>,
        largest: usize,
        running: Running,
    ) -> Arc<Self> {
        let least = largest.saturating_add(MAX_HEADERS + BESIDE);
        Arc::new(Self {
            store: store.clone(),
            controls: controls.clone(),
            forwarder: Arc::clone(forwarder),
            behind: Arc::clone(behind),
            running,
            room: Budget::of(ROOM.max(least)),
            order: Arc::default(),
            line: Mutex::default(),
        })
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        // Every change below is whole before anything in it can panic.
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place in the order of arrival, now.
    pub(super) async fn turn(&self) -> Turn {
        // A task that has done much already would otherwise be sent away without a place.
        let place = tokio::task::unconstrained(Arc::clone(&self.order).lock_owned());
        let mut place = Box::pin(place);
        match poll_fn(|cx| Poll::Ready(place.as_mut().poll(cx))).await {
            Poll::Ready(guard) => Turn::Now(guard),
            Poll::Pending => Turn::Later(place),
        }
    }

    /// Room for one of so many bytes with that id of the relay; `None` where there is none,
    /// or where another one was to come before it.
    pub(super) fn room(&self, id: &str, bytes: usize) -> Option<Reservation> {
        let mut line = self.line();
        let now = Instant::now();
        let is_other = |(first, until): &(Box<str>, Instant)| **first != *id && *until > now;
        if line.first.as_ref().is_some_and(is_other) {
            return None;
        }
        line.first = None;
        drop(line);
        let room = Reservation::of(&self.room, bytes + BESIDE);
        if room.is_none() {
            self.turn_away(id);
        }
        room
    }

    /// Remembers that one was turned away for lack of room, so that none overtakes it.
    pub(super) fn turn_away(&self, id: &str) {
        let until = Instant::now() + COMES_AGAIN_WITHIN;
        let mut line = self.line();
        if line.first.as_ref().is_none_or(|(first, _)| **first == *id) {
            line.first = Some((id.into(), until));
        }
    }

    /// Takes the last place among those that wait for the app.
    pub(super) fn seat(self: &Arc<Self>) -> Seat {
        let (fill, filled) = oneshot::channel();
        let mut line = self.line();
        line.seats.push_back(filled);
        let starts = !std::mem::replace(&mut line.runs, true);
        drop(line);
        if starts {
            let this = Arc::clone(self);
            self.running.tasks.spawn(async move {
                tokio::select! {
                    () = this.work() => {}
                    () = this.running.hurry.cancelled() => {}
                }
            });
        }
        Seat(fill)
    }

    /// Leaves what waits for the next start.
    pub(super) fn stop(&self) {
        self.running.stop.cancel();
    }

    /// Waits while forwarding is paused. False where what waits is left for the next start.
    async fn goes_on(&self) -> bool {
        let stop = &self.running.stop;
        let mut changed = self.controls.changed();
        loop {
            let is_paused = self.controls.is_paused();
            if stop.is_cancelled() && (is_paused || self.store.path().is_some()) {
                return false;
            }
            if !is_paused {
                return true;
            }
            tokio::select! {
                _ = changed.changed() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Forwards until none waits.
    async fn work(&self) {
        loop {
            let next = {
                let mut line = self.line();
                let next = line.seats.pop_front();
                line.runs = next.is_some();
                next
            };
            match next {
                None => return,
                Some(seat) => {
                    let Ok(job) = seat.await else {
                        continue;
                    };
                    if !self.goes_on().await {
                        return;
                    }
                    self.forward(job).await;
                }
            }
        }
    }

    async fn forward(&self, job: Job) {
        let Job {
            delivery,
            head,
            mut targets,
            hold,
            room,
        } = job;
        // Only now, or all that wait would be at the further targets at once.
        for target in targets.drain(1.min(targets.len())..) {
            self.behind
                .forward(&delivery, head.copy(), target, &hold, None);
        }
        let Some(first) = targets.first() else {
            return;
        };
        let errand = Errand {
            delivery: &delivery,
            head,
            target: first,
            cause: Cause::Live,
            hold,
            room: room.map(Arc::new),
            tell: None,
        };
        if let Ok(mut answer) = self.forwarder.send(&self.store, errand).await {
            // Its attempt is recorded when the answer has been read to its end.
            while let Some(Ok(_)) = answer.body_mut().frame().await {}
        }
    }
}
