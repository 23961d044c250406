//! Changes to what is kept: deleting and marking deliveries, and taking hold of one to send
//! it again.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::notes::Note;
use super::op::Op;
use super::{Commit, Hold, Store};
use crate::delivery::{Kept, Notice, Verdict};

impl Store {
    /// Deletes deliveries with all that belongs to them, and returns the ids of those that
    /// there were, ascending. Ids are not used again.
    pub fn delete(&self, ids: &[u64]) -> Vec<u64> {
        let mut state = self.state();
        let mut gone: Vec<u64> = ids
            .iter()
            .copied()
            .filter(|id| state.ring.remove(*id))
            .collect();
        gone.sort_unstable();
        state.let_go(&gone);
        self.forget(&gone);
        drop(state);
        gone
    }

    /// Deletes all deliveries and returns their ids, ascending.
    pub fn clear(&self) -> Vec<u64> {
        let mut state = self.state();
        let all: Vec<u64> = state.ring.iter().map(|kept| kept.delivery.id).collect();
        for id in &all {
            state.ring.remove(*id);
        }
        state.let_go(&all);
        self.forget(&all);
        drop(state);
        all
    }

    fn forget(&self, gone: &[u64]) {
        if gone.is_empty() {
            return;
        }
        if let Some(journal) = &self.shared.journal {
            journal.push(Op::Evict(gone.to_vec()));
        }
        self.publish(|| Notice::Deleted(gone.into()));
    }

    /// Marks a delivery or takes its mark away. `false` where there is no such delivery.
    pub fn mark(&self, id: u64, marked: bool) -> bool {
        let mut state = self.state();
        let Some(kept) = state.ring.mark(id, marked) else {
            return false;
        };
        let note = Note {
            original: kept.delivery.request.original,
            marked,
            waits: state.waiting.contains(&id),
        };
        if let Some(journal) = &self.shared.journal {
            journal.push(Op::Note(id, note));
        }
        self.publish(|| Notice::Marked {
            delivery: id,
            marked,
        });
        true
    }

    /// Gives a delivery a new verdict, and tells whether it has. A valid one stays as it is:
    /// secrets are only ever added, so whoever says otherwise has not known them all.
    pub fn rejudge(&self, id: u64, verdict: Verdict) -> bool {
        let mut state = self.state();
        let Some((delivery, before)) = state.ring.rejudge(id, verdict) else {
            return false;
        };
        if id > state.found_id {
            let now = &delivery.request.verdict;
            state.counts.rejudge(&before, now);
        }
        if let Some(journal) = &self.shared.journal {
            journal.push(Op::Verdict(Arc::clone(&delivery)));
        }
        self.publish(|| Notice::Judged(delivery));
        true
    }

    /// A delivery with its attempts, which stays in the ring as long as it is held.
    pub fn hold(&self, id: u64) -> Option<(Kept, Hold)> {
        let mut state = self.state();
        let kept = state.ring.get(id).cloned()?;
        state.ring.hold(id);
        drop(state);
        Some((kept, Hold::new(self, id)))
    }

    /// Ready once everything that was recorded and changed before is in the journal.
    pub fn settled(&self) -> Commit {
        let saved = self.shared.journal.as_ref().map(|journal| {
            let (tell, settled) = oneshot::channel();
            journal.push(Op::Barrier(tell));
            settled
        });
        Commit {
            saved,
            remember: None,
        }
    }

    /// Remembers a text about the store under a key, in the place of the one before.
    pub fn remember(&self, key: &'static str, text: String) {
        if let Some(journal) = &self.shared.journal {
            journal.push(Op::Text(key, text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Counts, Headers, Received, Scheme};
    use crate::store::Reader;

    fn received(original: Option<u64>) -> Received {
        Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: bytes::Bytes::from_static(b"{}"),
            event: None,
            verdict: Verdict::Unsigned,
            original,
            relayed: None,
        }
    }

    #[test]
    fn what_is_changed_is_so_after_a_restart_and_for_readers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = StoreSettings {
            path: Some(path.clone()),
            durable: false,
            keep: 100,
            keep_bytes: usize::MAX,
        };
        let (store, _) = Store::open(&settings).unwrap();
        for original in [None, Some(1), Some(1), None] {
            let _ = store.record(received(original));
        }
        assert!(store.mark(2, true) && store.mark(4, true) && store.mark(4, false));
        assert!(!store.mark(9, true));
        assert_eq!(store.delete(&[3, 1, 3, 77]), [1, 3]);
        store.remember("target", "a".into());
        store.close();
        let expected = store.all();
        assert_eq!(expected.len(), 2);
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.all().unwrap().kept, expected);
        assert_eq!(reader.text("target").as_deref(), Some("a"));
        drop((reader, store));
        let (store, _) = Store::open(&settings).unwrap();
        assert_eq!(store.all(), expected);
        assert_eq!((expected[0].marked, expected[1].marked), (true, false));
        assert_eq!(expected[0].delivery.request.original, Some(1));
        assert_eq!(store.clear(), [2, 4]);
        assert_eq!(store.record(received(None)).delivery.id, 5);
        store.close();
    }

    #[test]
    fn a_new_verdict_is_counted_told_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let settings = StoreSettings {
            path: Some(path.clone()),
            durable: false,
            keep: 100,
            keep_bytes: usize::MAX,
        };
        let valid = || Verdict::Valid {
            scheme: Scheme::ApiBase64,
            secret: "late".into(),
        };
        let (store, _) = Store::open(&settings).unwrap();
        let unchecked = Received {
            verdict: Verdict::Unchecked,
            ..received(Some(7))
        };
        let _ = store.record(unchecked.clone());
        store.close();

        let (store, _) = Store::open(&settings).unwrap();
        let before = store.record(unchecked).delivery;
        let (_, mut notices) = store.subscribe();
        assert!(store.rejudge(1, valid()) && store.rejudge(2, valid()));
        // Not again, not back, and not what is not there.
        assert!(!store.rejudge(2, valid()) && !store.rejudge(2, Verdict::Unchecked));
        assert!(!store.rejudge(9, valid()));
        for id in [1, 2] {
            let notice = notices.look().unwrap();
            let Some(Notice::Judged(delivery)) = notice else {
                panic!("{notice:?}");
            };
            assert_eq!((delivery.id, &delivery.request.verdict), (id, &valid()));
            assert_eq!(delivery.request.body, before.request.body);
        }
        assert!(matches!(notices.look(), Ok(None)));
        // The first one came in the run before.
        let expected = Counts {
            received: 1,
            valid: 1,
            ..Counts::default()
        };
        assert_eq!(store.counts(), expected);
        store.close();
        let expected = store.all();
        assert_eq!(expected[0].delivery.request.verdict, valid());
        assert_eq!(expected[0].delivery.request.original, Some(7));
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.all().unwrap().kept, expected);
        drop((reader, store));
        let (store, warnings) = Store::open(&settings).unwrap();
        assert_eq!((store.all(), warnings.len()), (expected, 0));
        store.close();
    }
}
