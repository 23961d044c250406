//! Which deliveries of a relay are kept, by the relay's own id of them.

use std::collections::HashMap;

use crate::delivery::Delivery;

/// A delivery that a relay has handed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Known {
    delivery: u64,
    // Whether the journal has it.
    saved: bool,
}

/// All that are in the ring: it lets go of what the ring lets go of.
#[derive(Debug, Default)]
pub(super) struct KnownRelayed(HashMap<Box<str>, Known>);

impl KnownRelayed {
    /// Adds one that came into the ring; of two with the same id the older one stays.
    pub(super) fn add(&mut self, delivery: &Delivery) {
        if let Some(relayed) = &delivery.request.relayed {
            self.0.entry(relayed.id.clone()).or_insert(Known {
                delivery: delivery.id,
                saved: false,
            });
        }
    }

    /// Forgets one that left the ring.
    pub(super) fn remove(&mut self, delivery: &Delivery) {
        if let Some(relayed) = &delivery.request.relayed
            && self.get(&relayed.id) == Some(delivery.id)
        {
            self.0.remove(&relayed.id);
        }
    }

    /// The delivery with that id of the relay.
    pub(super) fn get(&self, id: &str) -> Option<u64> {
        self.0.get(id).map(|known| known.delivery)
    }

    /// Remembers that the journal has it.
    pub(super) fn set_saved(&mut self, delivery: &Delivery) {
        if let Some(relayed) = &delivery.request.relayed
            && let Some(known) = self.0.get_mut(&relayed.id)
            && known.delivery == delivery.id
        {
            known.saved = true;
        }
    }

    /// Whether it is known that the journal has it.
    pub(super) fn is_saved(&self, delivery: &Delivery) -> bool {
        let relayed = delivery.request.relayed.as_ref();
        let known = relayed.and_then(|relayed| self.0.get(&relayed.id));
        known.is_some_and(|known| known.saved && known.delivery == delivery.id)
    }
}
