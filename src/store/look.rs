//! Looking at what is kept, without changing it.

use std::path::Path;
use std::sync::Arc;

use super::Store;
use super::journal::Journal;
use crate::delivery::{Counts, Kept, Refusal};

impl Store {
    /// The delivery of that id with its attempts, if it is still in the ring.
    pub fn get(&self, id: u64) -> Option<Kept> {
        self.state().ring.get(id).cloned()
    }

    /// The same for several ids, in their order and of one moment.
    pub fn some(&self, ids: &[u64]) -> Vec<Option<Kept>> {
        let state = self.state();
        ids.iter().map(|id| state.ring.get(*id).cloned()).collect()
    }

    /// All that is kept, oldest first.
    pub fn all(&self) -> Vec<Kept> {
        self.state().ring.iter().cloned().collect()
    }

    /// The newest of them, at most so many, oldest first.
    pub fn newest(&self, most: usize) -> Vec<Kept> {
        self.before(u64::MAX, most)
    }

    /// The newest of those before this id, at most so many, oldest first.
    pub fn before(&self, id: u64, most: usize) -> Vec<Kept> {
        let state = self.state();
        let before = state.ring.iter().rev();
        let before = before.skip_while(|kept| kept.delivery.id >= id);
        let mut found: Vec<_> = before.take(most).cloned().collect();
        found.reverse();
        found
    }

    /// The oldest of those after this id, at most so many, oldest first.
    pub fn after(&self, id: u64, most: usize) -> Vec<Kept> {
        let state = self.state();
        let after = state.ring.iter();
        let after = after.skip_while(|kept| kept.delivery.id <= id);
        after.take(most).cloned().collect()
    }

    /// The newest requests that were turned away, oldest first.
    pub fn refusals(&self) -> Vec<Arc<Refusal>> {
        self.state().refusals.iter().cloned().collect()
    }

    /// The ids of all that is kept, ascending.
    pub fn ids(&self) -> Vec<u64> {
        let state = self.state();
        state.ring.iter().map(|kept| kept.delivery.id).collect()
    }

    /// The id of the oldest delivery that is kept.
    pub fn oldest(&self) -> Option<u64> {
        let state = self.state();
        state.ring.iter().next().map(|kept| kept.delivery.id)
    }

    /// The id of the first delivery of this run, where ids were skipped before it: after a kill
    /// it is not known which of those that were reserved had been given.
    pub fn skipped_to(&self) -> Option<u64> {
        let state = self.state();
        let newest = state.ring.iter().next_back()?.delivery.id;
        (newest < state.found_id).then(|| state.found_id + 1)
    }

    /// What has happened since the start.
    pub fn counts(&self) -> Counts {
        self.state().counts
    }

    /// How many deliveries are in the ring.
    pub fn len(&self) -> usize {
        self.state().ring.iter().len()
    }

    /// Whether the ring is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The journal's file; `None` where everything is in memory only.
    pub fn path(&self) -> Option<&Path> {
        self.shared.path.as_deref()
    }

    /// Whether the journal's last write failed.
    pub fn is_failing(&self) -> bool {
        self.shared
            .journal
            .as_ref()
            .is_some_and(Journal::is_failing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Headers, Notice, Received, Verdict};

    fn received() -> Received {
        Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: bytes::Bytes::from_static(b"{}"),
            event: None,
            verdict: Verdict::Unsigned,
            original: None,
            relayed: None,
        }
    }

    #[tokio::test]
    async fn what_is_kept_is_seen_by_id_and_what_comes_is_told() {
        let (store, _) = Store::open(&StoreSettings {
            path: None,
            durable: false,
            keep: 3,
            keep_bytes: usize::MAX,
        })
        .unwrap();
        assert_eq!((store.oldest(), store.ids()), (None, vec![]));
        let (_, mut notices) = store.subscribe();
        let held = store.record(received());
        assert_eq!(store.holds(), 1);
        let second = held.hold.again();
        assert_eq!(store.holds(), 2);
        drop((held, second));
        assert_eq!(store.holds(), 0);
        for _ in 2..=5 {
            let _ = store.record(received());
        }
        assert_eq!((store.oldest(), store.ids()), (Some(3), vec![3, 4, 5]));
        let some = store.some(&[5, 1, 3]);
        let ids: Vec<_> = some
            .iter()
            .map(|k| k.as_ref().map(|k| k.delivery.id))
            .collect();
        assert_eq!(ids, [Some(5), None, Some(3)]);
        for id in 1..=5 {
            let notice = notices.next().await;
            assert!(matches!(notice, Ok(Notice::Delivery(d)) if d.id == id));
        }
        let ids = |kept: Vec<Kept>| -> Vec<u64> { kept.iter().map(|k| k.delivery.id).collect() };
        assert_eq!(ids(store.newest(2)), [4, 5]);
        assert_eq!(ids(store.newest(9)), [3, 4, 5]);
        assert_eq!(ids(store.before(5, 1)), [4]);
        assert_eq!(ids(store.before(3, 9)), [0; 0]);
        assert_eq!(ids(store.after(0, 2)), [3, 4]);
        assert_eq!(ids(store.after(4, 9)), [5]);
        store.end_notices();
        assert!(matches!(notices.next().await, Ok(Notice::End)));
    }
}
