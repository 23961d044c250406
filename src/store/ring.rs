//! The newest deliveries in memory, bounded by count and by bytes.

use std::collections::VecDeque;
use std::sync::Arc;

use super::known::KnownRelayed;
use crate::delivery::{Attempt, Delivery, Kept, Verdict};

#[derive(Debug)]
struct Entry {
    kept: Kept,
    weight: usize,
    // Forwards under way. Such an entry is passed over by eviction.
    holds: u32,
}

/// What had to go.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Gone {
    /// Its ids, ascending.
    pub ids: Vec<u64>,
    /// Its bytes.
    pub weight: usize,
}

/// Kept deliveries, id ascending.
#[derive(Debug)]
pub struct Ring {
    entries: VecDeque<Entry>,
    relayed: KnownRelayed,
    weight: usize,
    max_count: usize,
    max_weight: usize,
}

impl Ring {
    /// An empty ring for at most so many deliveries and so many bytes, whichever is
    /// reached first. The newest delivery is kept even if it is over the bytes alone.
    pub fn new(max_count: usize, max_weight: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            relayed: KnownRelayed::default(),
            weight: 0,
            max_count: max_count.max(1),
            max_weight,
        }
    }

    /// Appends the newest delivery and returns what had to go for it.
    pub fn push(&mut self, kept: Kept, holds: u32) -> Gone {
        let weight = kept.weight();
        self.weight += weight;
        self.relayed.add(&kept.delivery);
        self.entries.push_back(Entry {
            kept,
            weight,
            holds,
        });
        self.evict()
    }

    /// Adds an attempt, numbers it, and returns it with what had to go for it.
    /// For a delivery that has left the ring the number stays as it is.
    pub fn add_attempt(&mut self, mut attempt: Attempt) -> (Arc<Attempt>, Gone) {
        let Some(at) = self.position(attempt.delivery) else {
            return (Arc::new(attempt), Gone::default());
        };
        let entry = &mut self.entries[at];
        attempt.n = entry.kept.attempts.last().map_or(1, |last| last.n + 1);
        let attempt = Arc::new(attempt);
        let weight = attempt.weight();
        entry.kept.attempts.push(Arc::clone(&attempt));
        entry.weight += weight;
        self.weight += weight;
        (attempt, self.evict())
    }

    /// Keeps the delivery from eviction once more.
    pub fn hold(&mut self, id: u64) {
        if let Some(at) = self.position(id) {
            self.entries[at].holds += 1;
        }
    }

    /// Whether a delivery is held.
    pub fn is_held(&self, id: u64) -> bool {
        let at = self.position(id);
        at.is_some_and(|at| self.entries[at].holds > 0)
    }

    /// Lets eviction have the delivery again, once for every hold.
    pub fn release(&mut self, id: u64) {
        if let Some(at) = self.position(id) {
            let holds = &mut self.entries[at].holds;
            *holds = holds.saturating_sub(1);
        }
    }

    /// Takes a delivery out, whether it is held or not. Tells whether it was there.
    pub fn remove(&mut self, id: u64) -> bool {
        let entry = self.position(id).and_then(|at| self.entries.remove(at));
        if let Some(entry) = &entry {
            self.weight -= entry.weight;
            self.relayed.remove(&entry.kept.delivery);
        }
        entry.is_some()
    }

    /// Marks a delivery or not, and returns it.
    pub fn mark(&mut self, id: u64, marked: bool) -> Option<&Kept> {
        let at = self.position(id)?;
        let kept = &mut self.entries[at].kept;
        kept.marked = marked;
        Some(kept)
    }

    /// The delivery with that id of a relay.
    pub fn relayed(&self, id: &str) -> Option<u64> {
        self.relayed.get(id)
    }

    /// Remembers that the journal has a delivery, where it came through a relay.
    pub fn set_saved(&mut self, id: u64) {
        if let Some(at) = self.position(id) {
            self.relayed.set_saved(&self.entries[at].kept.delivery);
        }
    }

    /// Whether a delivery came through a relay and is known to be in the journal.
    pub fn is_saved(&self, id: u64) -> bool {
        let kept = self.get(id);
        kept.is_some_and(|kept| self.relayed.is_saved(&kept.delivery))
    }

    /// Sets how often a delivery was handed on again, and returns it.
    pub fn set_repeats(&mut self, id: u64, times: u32) -> Option<&Kept> {
        let at = self.position(id)?;
        let kept = &mut self.entries[at].kept;
        kept.repeats = times;
        Some(kept)
    }

    /// Gives a delivery another verdict, and returns it with the one of before. `None` where
    /// it is not there, has that verdict already, or is valid.
    pub fn rejudge(&mut self, id: u64, verdict: Verdict) -> Option<(Arc<Delivery>, Verdict)> {
        let at = self.position(id)?;
        let delivery = &mut self.entries[at].kept.delivery;
        let before = &delivery.request.verdict;
        if before.is_valid() || *before == verdict {
            return None;
        }
        let mut judged = Delivery::clone(delivery);
        let before = std::mem::replace(&mut judged.request.verdict, verdict);
        *delivery = Arc::new(judged);
        Some((Arc::clone(delivery), before))
    }

    /// The delivery of that id.
    pub fn get(&self, id: u64) -> Option<&Kept> {
        self.position(id).map(|at| &self.entries[at].kept)
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Kept> + DoubleEndedIterator {
        self.entries.iter().map(|entry| &entry.kept)
    }

    fn position(&self, id: u64) -> Option<usize> {
        // Ids grow by one, so unless something was held back from eviction the place
        // follows from the newest id; a search would touch a dozen cold entries.
        let newest = self.entries.back()?.kept.delivery.id;
        let guess = usize::try_from(newest.checked_sub(id)?)
            .ok()
            .and_then(|back| self.entries.len().checked_sub(back + 1));
        if let Some(at) = guess
            && self.entries[at].kept.delivery.id == id
        {
            return Some(at);
        }
        let at = self
            .entries
            .partition_point(|entry| entry.kept.delivery.id < id);
        (self.entries.get(at)?.kept.delivery.id == id).then_some(at)
    }

    fn evict(&mut self) -> Gone {
        let mut gone = Gone::default();
        let mut at = 0;
        while (self.entries.len() > self.max_count || self.weight > self.max_weight)
            && at + 1 < self.entries.len()
        {
            if self.entries[at].holds > 0 {
                at += 1;
            } else if let Some(entry) = self.entries.remove(at) {
                self.weight -= entry.weight;
                self.relayed.remove(&entry.kept.delivery);
                gone.weight += entry.weight;
                gone.ids.push(entry.kept.delivery.id);
            }
        }
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Headers, Received};
    use bytes::Bytes;
    use jiff::Timestamp;

    fn kept(id: u64, size: usize) -> Kept {
        Kept::new(Arc::new(Delivery {
            id,
            request: Received {
                received_at: Timestamp::UNIX_EPOCH,
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: Bytes::from(vec![0; size]),
                event: None,
                verdict: Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }))
    }

    fn ids(ring: &Ring) -> Vec<u64> {
        ring.iter().map(|k| k.delivery.id).collect()
    }

    #[test]
    fn bounded_by_count() {
        let mut ring = Ring::new(3, usize::MAX);
        let gone: Vec<_> = (1..=5)
            .flat_map(|id| ring.push(kept(id, 0), 0).ids)
            .collect();
        assert_eq!(gone, [1, 2]);
        assert_eq!(ids(&ring), [3, 4, 5]);
        assert!(ring.get(2).is_none() && ring.get(4).is_some());
    }

    #[test]
    fn bounded_by_bytes_but_never_without_the_newest() {
        let mut ring = Ring::new(100, 10_000);
        for id in 1..=20 {
            ring.push(kept(id, 4_000), 0);
        }
        assert_eq!(ids(&ring), [19, 20]);
        let gone = ring.push(kept(21, 1 << 20), 0);
        assert_eq!(gone.ids, [19, 20]);
        assert!((8_000..10_000).contains(&gone.weight));
        assert_eq!(ids(&ring), [21]);
    }

    #[test]
    fn what_is_being_forwarded_stays() {
        let mut ring = Ring::new(2, usize::MAX);
        ring.push(kept(1, 0), 1);
        for id in 2..=5 {
            ring.push(kept(id, 0), 0);
        }
        assert_eq!(ids(&ring), [1, 5]);
        ring.release(1);
        assert_eq!(ring.push(kept(6, 0), 0).ids, [1]);
        assert_eq!(ids(&ring), [5, 6]);
    }
}
