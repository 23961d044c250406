//! Deliveries that a relay may hand on several times, and of which one is kept.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::op::Op;
use super::relays::RelayRow;
use super::{Commit, Hold, Recorded, Store};
use crate::delivery::{Delivery, Kept, Notice, Received};

impl Store {
    /// Records a delivery unless one with the same id of the relay is kept. Of several that
    /// come at the same time, one is recorded.
    ///
    /// # Errors
    /// The kept one's id, where there is one. Nothing is changed then.
    pub fn record_once(&self, received: Received) -> Result<Recorded, u64> {
        let state = self.state();
        let relayed = received.relayed.as_ref();
        match relayed.and_then(|relayed| state.ring.relayed(&relayed.id)) {
            Some(kept) => Err(kept),
            None => Ok(self.record_into(state, received)),
        }
    }

    /// The kept delivery with that id of the relay.
    pub fn relayed(&self, id: &str) -> Option<u64> {
        self.state().ring.relayed(id)
    }

    /// Counts, keeps and publishes that the relay handed a delivery on again. `false` where
    /// there is no such delivery.
    pub fn record_repeat(&self, id: u64) -> bool {
        let mut state = self.state();
        let Some(before) = state.ring.get(id).map(|kept| kept.repeats) else {
            return false;
        };
        let times = before.saturating_add(1);
        let kept = state.ring.set_repeats(id, times);
        self.write_repeats(kept);
        self.publish(|| Notice::Repeated {
            delivery: id,
            times,
        });
        true
    }

    /// Sets how often a delivery that is taken in from elsewhere was handed on again there.
    pub fn set_repeats(&self, id: u64, times: u32) {
        let mut state = self.state();
        let kept = state.ring.set_repeats(id, times);
        self.write_repeats(kept);
    }

    fn write_repeats(&self, kept: Option<&Kept>) {
        let relayed = kept.and_then(|kept| Some((kept, kept.delivery.request.relayed.clone()?)));
        if let Some((kept, relayed)) = relayed
            && let Some(journal) = &self.shared.journal
        {
            let row = RelayRow {
                relayed,
                repeats: kept.repeats,
            };
            journal.push(Op::Relay(kept.delivery.id, row));
        }
    }

    /// Takes up a delivery with which nothing was tried and nothing is under way, as if it
    /// had just been recorded. Of several who want it at the same time, one gets it.
    pub fn take_up(&self, id: u64) -> Option<Recorded> {
        let mut state = self.state();
        let kept = state.ring.get(id)?;
        if !kept.attempts.is_empty() || state.ring.is_held(id) {
            return None;
        }
        let delivery = Arc::clone(&kept.delivery);
        let is_saved = state.ring.is_saved(id);
        state.ring.hold(id);
        let saved = self.save_again(&delivery, is_saved);
        drop(state);
        Some(Recorded {
            saved,
            delivery,
            hold: Hold::new(self, id),
        })
    }

    /// Waits until a delivery that came through a relay is in the journal. Where it could
    /// not be written when it came in, it is tried again.
    pub fn saved(&self, id: u64) -> Commit {
        let state = self.state();
        match state.ring.get(id) {
            Some(kept) => self.save_again(&kept.delivery, state.ring.is_saved(id)),
            // It was there and has been deleted, or has made room for newer ones.
            None => Commit::default(),
        }
    }

    fn save_again(&self, delivery: &Arc<Delivery>, is_saved: bool) -> Commit {
        let journal = self.shared.journal.as_ref().filter(|_| !is_saved);
        Commit {
            saved: journal.map(|journal| {
                let (tell, saved) = oneshot::channel();
                journal.push(Op::Again(Arc::clone(delivery), tell));
                saved
            }),
            remember: Some((self.clone(), delivery.id)),
        }
    }

    pub(super) fn set_saved(&self, id: u64) {
        self.state().ring.set_saved(id);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use jiff::Timestamp;

    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Attempt, Cause, Failure, FailureCode, Headers, Outcome};
    use crate::delivery::{Relayed, Verdict};
    use crate::store::Reader;

    fn settings(path: Option<&Path>, keep: usize) -> StoreSettings {
        StoreSettings {
            path: path.map(Path::to_owned),
            durable: false,
            keep,
            keep_bytes: usize::MAX,
        }
    }

    fn received(id: &str, queued_at: Option<Timestamp>) -> Received {
        Received {
            received_at: Timestamp::UNIX_EPOCH,
            peer: "192.0.2.7:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: bytes::Bytes::from_static(b"{}"),
            event: None,
            verdict: Verdict::Unsigned,
            original: None,
            relayed: Some(Box::new(Relayed {
                id: id.into(),
                queued_at,
            })),
        }
    }

    fn attempt(delivery: u64) -> Attempt {
        Attempt {
            delivery,
            n: 0,
            cause: Cause::Live,
            target: "http://localhost:3000/".into(),
            started_at: Timestamp::UNIX_EPOCH,
            took: std::time::Duration::from_millis(3),
            outcome: Outcome::Failed(Failure {
                code: FailureCode::Refused,
                message: "no".into(),
                hint: "".into(),
            }),
        }
    }

    #[test]
    fn one_is_kept_of_many_that_come_at_once() {
        const THREADS: usize = 8;
        const IDS: usize = 200;
        let (store, _) = Store::open(&settings(None, 1000)).unwrap();
        let barrier = std::sync::Barrier::new(THREADS);
        let kept: Vec<Vec<u64>> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        let ids = (0..IDS).map(|id| {
                            let once = store.record_once(received(&format!("r{id}"), None));
                            once.map_or_else(|kept| kept, |new| new.delivery.id)
                        });
                        ids.collect()
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert_eq!(store.len(), IDS);
        assert!(kept.iter().all(|ids| *ids == kept[0]));
        for (id, kept) in kept[0].iter().enumerate() {
            assert_eq!(store.relayed(&format!("r{id}")), Some(*kept));
        }
    }

    #[test]
    fn what_leaves_the_ring_is_not_known_any_more() {
        let (store, _) = Store::open(&settings(None, 2)).unwrap();
        for id in ["a", "b", "c"] {
            drop(store.record_once(received(id, None)).unwrap());
        }
        assert_eq!((store.relayed("a"), store.relayed("b")), (None, Some(2)));
        // Taken in from elsewhere: the one that the relay handed on stays the known one.
        drop(store.record(received("c", None)));
        assert_eq!((store.relayed("b"), store.relayed("c")), (None, Some(3)));
        store.delete(&[4]);
        assert_eq!(store.relayed("c"), Some(3));
        store.clear();
        assert_eq!(store.relayed("c"), None);
        assert_eq!(
            store.record_once(received("c", None)).unwrap().delivery.id,
            5
        );
    }

    #[tokio::test]
    async fn what_was_tried_or_is_under_way_is_not_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (store, _) = Store::open(&settings(Some(&path), 100)).unwrap();
        let recorded = store.record_once(received("a", None)).unwrap();
        assert!(store.take_up(1).is_none(), "it is being forwarded");
        drop(recorded);
        let taken = store.take_up(1).unwrap();
        assert!(store.take_up(1).is_none(), "somebody else has it");
        taken.saved.wait().await.unwrap();
        drop(taken.hold);
        store.record_attempt(attempt(1));
        assert!(store.take_up(1).is_none(), "it was tried");
        assert!(store.take_up(2).is_none(), "there is none");
        store.close();
    }

    #[tokio::test]
    async fn all_of_it_is_there_after_a_restart_and_for_readers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = settings(Some(&path), 100);
        let queued_at = Timestamp::from_microsecond(1_764_000_000_123_456).ok();
        let (store, _) = Store::open(&settings).unwrap();
        let (_, mut notices) = store.subscribe();
        for (id, queued_at) in [("a", queued_at), ("b", None), ("c", queued_at)] {
            let recorded = store.record_once(received(id, queued_at)).unwrap();
            recorded.saved.wait().await.unwrap();
        }
        assert!(store.record_repeat(1) && store.record_repeat(1) && !store.record_repeat(9));
        store.set_repeats(2, 7);
        store.delete(&[3]);
        let mut told = Vec::new();
        while let Ok(Some(notice)) = notices.look() {
            if let Notice::Repeated { delivery, times } = notice {
                told.push((delivery, times));
            }
        }
        assert_eq!(told, [(1, 1), (1, 2)]);
        store.close();
        let expected = store.all();
        let repeats: Vec<_> = expected.iter().map(|kept| kept.repeats).collect();
        assert_eq!(repeats, [2, 7]);
        drop(store);
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.all().unwrap().kept, expected);
        drop(reader);
        let (store, warnings) = Store::open(&settings).unwrap();
        assert_eq!((store.all(), warnings.len()), (expected, 0));
        assert_eq!(store.relayed("b"), Some(2));
        assert_eq!(store.record_once(received("b", None)).unwrap_err(), 2);
        assert_eq!(store.relayed("c"), None);
        store.saved(2).wait().await.unwrap();
        store.close();
        let rows = "SELECT count(*) FROM relays";
        let db = rusqlite::Connection::open(&path).unwrap();
        assert_eq!(db.query_row(rows, [], |row| row.get::<_, i64>(0)), Ok(2));
    }

    #[tokio::test]
    async fn what_could_not_be_written_is_written_when_it_comes_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (store, _) = Store::open(&settings(Some(&path), 100)).unwrap();
        // Somebody else is writing, for longer than is waited.
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let recorded = store.record_once(received("a", None)).unwrap();
        assert!(recorded.saved.wait().await.is_err());
        drop(recorded.hold);
        assert_eq!(store.record_once(received("a", None)).unwrap_err(), 1);
        store.record_repeat(1);
        assert!(store.saved(1).wait().await.is_err());
        other.execute_batch("ROLLBACK").unwrap();
        let taken = store.take_up(1).unwrap();
        taken.saved.wait().await.unwrap();
        let kept = Reader::open(&path).unwrap().all().unwrap().kept;
        assert_eq!(kept[0].delivery, taken.delivery);
        store.close();
        let kept = Reader::open(&path).unwrap().all().unwrap().kept;
        assert_eq!((kept.len(), kept[0].repeats), (1, 1));
    }
}
