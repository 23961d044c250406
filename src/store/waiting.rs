//! Deliveries that waited at a relay and now wait for the app. Whoever handed one on need not
//! keep it any more, so the journal knows that the app has yet to get it.

use super::notes::Note;
use super::op::Op;
use super::{Recorded, State, Store};
use crate::delivery::Received;

impl Store {
    /// Records a delivery that an app is to get later, unless one with the same id of the
    /// relay is kept. When it is in the journal, so is that the app is still to get it.
    ///
    /// # Errors
    /// The kept one's id, where there is one. Nothing is changed then.
    pub fn record_waiting(&self, received: Received) -> Result<Recorded, u64> {
        let mut state = self.state();
        let relayed = received.relayed.as_ref();
        if let Some(kept) = relayed.and_then(|relayed| state.ring.relayed(&relayed.id)) {
            return Err(kept);
        }
        let (id, original) = (state.last_id + 1, received.original);
        // Before it: what is written later may be missing after a kill.
        self.note_waiting(&mut state, id, original, (false, true));
        Ok(self.record_into(state, received))
    }

    /// Remembers that an app is to get a kept delivery later, or that it is not to get it.
    pub fn set_waiting(&self, id: u64, waits: bool) {
        let mut state = self.state();
        if state.waiting.contains(&id) == waits {
            return;
        }
        let found = state.ring.get(id);
        let found = found.map(|kept| (kept.delivery.request.original, kept.marked));
        if let Some((original, marked)) = found {
            self.note_waiting(&mut state, id, original, (marked, waits));
        }
    }

    /// The deliveries that an app is still to get, ascending: nothing was tried with them, in
    /// this run or before.
    pub fn waiting(&self) -> Vec<u64> {
        let state = self.state();
        let waiting = state.waiting.iter().copied();
        let is_untried = |id: &u64| {
            let kept = state.ring.get(*id);
            kept.is_some_and(|kept| kept.attempts.is_empty())
        };
        waiting.filter(is_untried).collect()
    }

    fn note_waiting(
        &self,
        state: &mut State,
        id: u64,
        original: Option<u64>,
        (marked, waits): (bool, bool),
    ) {
        if waits {
            state.waiting.insert(id);
        } else {
            state.waiting.remove(&id);
        }
        if let Some(journal) = &self.shared.journal {
            let note = Note {
                original,
                marked,
                waits,
            };
            journal.push(Op::Note(id, note));
        }
    }
}

impl State {
    /// Nothing of these is kept any more.
    pub(super) fn let_go(&mut self, ids: &[u64]) {
        if !self.waiting.is_empty() {
            for id in ids {
                self.waiting.remove(id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Attempt, Cause, Failure, FailureCode, Outcome};
    use crate::delivery::{Headers, Relayed, Verdict};
    use jiff::Timestamp;

    fn received(id: &str) -> Received {
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
                queued_at: Some(Timestamp::UNIX_EPOCH),
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

    #[tokio::test]
    async fn what_waits_is_known_after_a_restart_until_it_is_tried_or_gone() {
        let folder = tempfile::tempdir().unwrap();
        let settings = StoreSettings {
            path: Some(folder.path().join("a.db")),
            durable: false,
            keep: 100,
            keep_bytes: usize::MAX,
        };
        let (store, _) = Store::open(&settings).unwrap();
        for id in ["a", "b", "c", "d", "e"] {
            let recorded = store.record_waiting(received(id)).unwrap();
            recorded.saved.wait().await.unwrap();
        }
        assert_eq!(store.record_waiting(received("b")).unwrap_err(), 2);
        drop(store.record_once(received("f")).unwrap());
        store.set_waiting(6, true);
        store.record_attempt(attempt(1));
        store.set_waiting(3, false);
        store.delete(&[4]);
        // A mark takes nothing away.
        store.mark(2, true);
        store.mark(5, true);
        store.mark(5, false);
        assert_eq!(store.waiting(), [2, 5, 6]);
        store.close();
        drop(store);
        let (store, _) = Store::open(&settings).unwrap();
        assert_eq!(store.waiting(), [2, 5, 6]);
        assert!(store.get(2).unwrap().marked);
        store.close();
    }
}
