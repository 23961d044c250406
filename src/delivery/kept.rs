//! A delivery together with all that came of it.

use std::sync::Arc;

use super::{Attempt, Cause, Delivery};

/// A kept delivery with all that was tried with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The delivery.
    pub delivery: Arc<Delivery>,
    /// Its attempts, `n` ascending.
    pub attempts: Vec<Arc<Attempt>>,
    /// Whether the user has marked it.
    pub marked: bool,
    /// How often the relay handed it on again after it had been kept.
    pub repeats: u32,
}

impl Kept {
    /// A delivery with which nothing was tried yet.
    pub const fn new(delivery: Arc<Delivery>) -> Self {
        Self {
            delivery,
            attempts: Vec::new(),
            marked: false,
            repeats: 0,
        }
    }

    /// The newest attempt.
    pub fn newest(&self) -> Option<&Attempt> {
        self.attempts.last().map(|attempt| &**attempt)
    }

    /// How often it was sent again because somebody asked for it. Somebody asked for the
    /// first sending of an edited copy too, but that was not again.
    pub fn replays(&self) -> usize {
        let first = usize::from(self.delivery.request.original.is_some());
        let is_replay = |attempt: &&Arc<Attempt>| attempt.cause == Cause::Replay;
        self.attempts.iter().skip(first).filter(is_replay).count()
    }

    /// Bytes that this takes in memory, near enough to bound the ring by.
    pub fn weight(&self) -> usize {
        self.delivery.request.weight() + self.attempts.iter().map(|a| a.weight()).sum::<usize>()
    }
}
