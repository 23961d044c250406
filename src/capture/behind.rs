//! Forwards that run behind an answer: all of them with `--ack`, else those to further targets.

use std::sync::Arc;

use http_body_util::BodyExt as _;
use tokio::sync::Semaphore;
use tokio_util::task::TaskTracker;

use super::forward::{Errand, Forwarder, Head};
use crate::config::{Policy, Target};
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
    ack: bool,
    places: Vec<Place>,
}

/// What may run behind an answer for a target: one that hangs does not hold up the others.
#[derive(Debug)]
struct Place {
    target: Target,
    turns: Semaphore,
    room: Arc<Budget>,
}

impl Behind {
    /// For the policy's targets; `largest` is the largest body, in bytes.
    pub(super) fn new(
        store: &Store,
        forwarder: &Arc<Forwarder>,
        policy: &Policy,
        largest: usize,
        tasks: &TaskTracker,
    ) -> Arc<Self> {
        let places = policy.targets().map(|target| Place {
            target: target.clone(),
            turns: Semaphore::new(BEHIND),
            room: Budget::of(BEHIND_BODIES.max(largest)),
        });
        Arc::new(Self {
            store: store.clone(),
            forwarder: Arc::clone(forwarder),
            tasks: tasks.clone(),
            ack: policy.ack,
            places: places.collect(),
        })
    }

    /// Forwards without anybody waiting for the answer.
    pub(super) fn forward(
        self: &Arc<Self>,
        delivery: &Arc<Delivery>,
        head: Head,
        target: Target,
        hold: &Hold,
        reservation: &Arc<Reservation>,
    ) {
        let Some(at) = self.places.iter().position(|place| place.target == target) else {
            return;
        };
        // With --ack senders are held off when too much waits. A further target must not do
        // that to them.
        let room = if self.ack {
            Some(Arc::clone(reservation))
        } else {
            let size = delivery.request.body.len();
            Reservation::of(&self.places[at].room, size).map(Arc::new)
        };
        let Some(room) = room else {
            return Forwarder::decline(&self.store, delivery, &target, hold.again());
        };
        let this = Arc::clone(self);
        let delivery = Arc::clone(delivery);
        let hold = hold.again();
        self.tasks.spawn(async move {
            let _turn = this.places[at].turns.acquire().await;
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
