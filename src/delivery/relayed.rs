//! How a delivery came through a relay.

use jiff::Timestamp;

/// What a relay says of a delivery that it hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relayed {
    /// The relay's own id of it. The same delivery has the same one when it is handed on
    /// again, because the relay did not learn that it had arrived.
    pub id: Box<str>,
    /// When it came in at the relay, where it waited for an agent; `None` for one that was
    /// handed on at once.
    pub queued_at: Option<Timestamp>,
}

impl Relayed {
    /// Bytes that this takes in memory, near enough to bound the ring by.
    pub fn weight(&self) -> usize {
        // The id is there once more, as the key by which the store finds the delivery.
        const FIXED: usize = 128;
        FIXED + 2 * self.id.len()
    }
}
