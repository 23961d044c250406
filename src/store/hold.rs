//! Keeping a delivery in the ring while it is being forwarded.

use std::sync::atomic::Ordering;

use super::Store;

/// Keeps a delivery in the ring while it is being forwarded.
#[derive(Debug)]
pub struct Hold {
    store: Store,
    id: u64,
}

impl Hold {
    /// For a delivery that the ring keeps from eviction once more already.
    pub(super) fn new(store: &Store, id: u64) -> Self {
        store.shared.holds.fetch_add(1, Ordering::Relaxed);
        Self {
            store: store.clone(),
            id,
        }
    }

    /// A second one for the same delivery.
    pub fn again(&self) -> Self {
        let mut state = self.store.state();
        state.ring.hold(self.id);
        drop(state);
        Self::new(&self.store, self.id)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.store.shared.holds.fetch_sub(1, Ordering::Relaxed);
        let mut state = self.store.state();
        state.ring.release(self.id);
    }
}

impl Store {
    /// How many holds there are: of each delivery that is being forwarded or answered one,
    /// and one for every further target.
    pub fn holds(&self) -> usize {
        self.shared.holds.load(Ordering::Relaxed)
    }

    /// Which of these are being forwarded or answered right now, in their order.
    pub fn held(&self, ids: impl IntoIterator<Item = u64>) -> Vec<u64> {
        if self.holds() == 0 {
            return Vec::new();
        }
        let state = self.state();
        let is_held = |id: &u64| state.ring.is_held(*id);
        ids.into_iter().filter(is_held).collect()
    }
}
