//! Forwards that run behind an answer: all of them with `--ack`, else those to further targets.

use std::sync::{Arc, Mutex, PoisonError};

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::forward::{Errand, Forwarder, Head};
use crate::config::Target;
use crate::delivery::{Cause, Delivery};
use crate::http::body::{Budget, Reservation};
use crate::store::{Hold, Store};

/// Forwards to one target that run behind an answer at the same time (`--ack`, further
/// targets), and memory for bodies of a further one's.
const BEHIND: usize = 64;
const BEHIND_BODIES: usize = 64 << 20;

/// Makes them.
#[derive(Debug)]
pub(super) struct Behind {
    store: Store,
    forwarder: Arc<Forwarder>,
    tasks: TaskTracker,
    // The largest body, in bytes.
    largest: usize,
    places: Mutex<Vec<Arc<Place>>>,
}

/// What may run behind an answer for a target: one that hangs does not hold up the others.
#[derive(Debug)]
struct Place {
    target: Target,
    turns: Semaphore,
    room: Arc<Budget>,
}

impl Behind {
    /// For any target; `largest` is the largest body, in bytes.
    pub(super) fn new(
        store: &Store,
        forwarder: &Arc<Forwarder>,
        largest: usize,
        tasks: &TaskTracker,
    ) -> Arc<Self> {
        Arc::new(Self {
            store: store.clone(),
            forwarder: Arc::clone(forwarder),
            tasks: tasks.clone(),
            largest,
            places: Mutex::default(),
        })
    }

    /// The target's place, which is made when it is first needed.
    fn place(&self, target: &Target) -> Arc<Place> {
        let places = self.places.lock();
        let mut places = places.unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.iter().find(|place| place.target == *target) {
            return Arc::clone(place);
        }
        // Those that nothing uses are as good as new ones.
        places.retain(|place| Arc::strong_count(place) > 1);
        let place = Arc::new(Place {
            target: target.clone(),
            turns: Semaphore::new(BEHIND),
            room: Budget::of(BEHIND_BODIES.max(self.largest)),
        });
        places.push(Arc::clone(&place));
        place
    }

    /// Forwards without anybody waiting for the answer. With `reservation` (`--ack`) what
    /// waits counts as a sender's own, and senders are held off when it is too much. A
    /// further target must not do that to them, and has room of its own.
    pub(super) fn forward(
        self: &Arc<Self>,
        delivery: &Arc<Delivery>,
        head: Head,
        target: Target,
        hold: &Hold,
        reservation: Option<&Arc<Reservation>>,
    ) {
        let place = self.place(&target);
        let room = match reservation {
            Some(reservation) => Some(Arc::clone(reservation)),
            None => Reservation::of(&place.room, delivery.request.body.len()).map(Arc::new),
        };
        let Some(room) = room else {
            return Forwarder::decline(&self.store, delivery, &target, hold.again());
        };
        let this = Arc::clone(self);
        let delivery = Arc::clone(delivery);
        let hold = hold.again();
        self.tasks.spawn(async move {
            let _turn = place.turns.acquire().await;
            let errand = Errand {
                delivery: &delivery,
                head,
                target: &target,
                cause: Cause::Live,
                hold,
                room: Some(room),
                tell: None,
            };
            if let Ok(mut answer) = this.forwarder.send(&this.store, errand).await {
                // Its attempt is recorded when the answer has been read to its end.
                while let Some(Ok(_)) = answer.body_mut().frame().await {}
            }
        });
    }
}
