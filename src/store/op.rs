//! What the journal is asked to write, and what it says of itself.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::notes::Note;
use super::relays::RelayRow;
use crate::delivery::{Attempt, Delivery};

/// Tells whether a delivery is in the journal; `Err` carries why not.
pub type Saved = oneshot::Receiver<Result<(), Arc<str>>>;

/// Something to write.
#[derive(Debug)]
pub enum Op {
    /// A delivery, and whom to tell.
    Delivery(Arc<Delivery>, oneshot::Sender<Result<(), Arc<str>>>),
    /// A delivery that may be in the journal already, and whom to tell.
    Again(Arc<Delivery>, oneshot::Sender<Result<(), Arc<str>>>),
    /// A delivery's new verdict.
    Verdict(Arc<Delivery>),
    /// An attempt.
    Attempt(Arc<Attempt>),
    /// Deliveries that left the ring, ids ascending.
    Evict(Vec<u64>),
    /// Ids up to this one may be given out.
    Reserve(u64),
    /// What is known of a delivery beside what came in.
    Note(u64, Note),
    /// How a delivery came through a relay.
    Relay(u64, RelayRow),
    /// A text about the store, under its key.
    Text(&'static str, String),
    /// Nothing; whom to tell when everything before it is written.
    Barrier(oneshot::Sender<Result<(), Arc<str>>>),
}

impl Op {
    /// Bytes of its bodies, near enough.
    pub fn weight(&self) -> usize {
        match self {
            // The whole row is written again.
            Self::Delivery(delivery, _) | Self::Again(delivery, _) | Self::Verdict(delivery) => {
                delivery.request.body.len()
            }
            Self::Attempt(attempt) => attempt.weight(),
            Self::Evict(_)
            | Self::Reserve(_)
            | Self::Note(..)
            | Self::Relay(..)
            | Self::Text(..)
            | Self::Barrier(_) => 0,
        }
    }
}

/// What the thread says of its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Writing failed, for this reason.
    Failing {
        /// In SQLite's words.
        why: Arc<str>,
        /// Whether the file is what is broken, so that waiting does not help.
        damaged: bool,
    },
    /// Writing works again; so many operations were given up meanwhile.
    Recovered(usize),
}
