//! What has happened since the frame before, put together.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::delivery::{Kept, Notice, Refusal, Warning};
use crate::inspector::hub::{Hub, What};
use crate::inspector::parts::Parts;
use crate::wire::{self, Changes, RefusedObject, Row};

/// Deliveries in a frame.
const ROWS: usize = 200;
/// Refusals and warnings in a frame; who sends more than that is a flood.
const REMARKS: usize = 50;

/// Notices that were taken in.
#[derive(Debug, Default)]
pub(super) struct Batch {
    dirty: BTreeSet<u64>,
    refused: Vec<Arc<Refusal>>,
    warnings: Vec<Arc<Warning>>,
    has_deleted: bool,
    is_gap: bool,
    has_status: bool,
}

impl Batch {
    pub(super) fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Delivery(delivery) | Notice::Judged(delivery) => {
                self.dirty.insert(delivery.id);
            }
            Notice::Attempt(attempt) => {
                self.dirty.insert(attempt.delivery);
            }
            Notice::Marked { delivery, .. } | Notice::Repeated { delivery, .. } => {
                self.dirty.insert(delivery);
            }
            Notice::Refused(refusal) if self.refused.len() < REMARKS => {
                self.refused.push(refusal);
            }
            Notice::Warning(warning) if self.warnings.len() < REMARKS => {
                self.warnings.push(warning);
            }
            Notice::Deleted(_) => self.has_deleted = true,
            Notice::Answered(answer) => {
                self.dirty.insert(answer.delivery);
            }
            // The status tells how the tunnel and the webhooks are; no frame tells the others.
            Notice::Tunnel(_)
            | Notice::Registered(_)
            | Notice::Archived(_)
            | Notice::Refused(_)
            | Notice::Warning(_)
            | Notice::End => {}
        }
        self.has_status = true;
    }

    pub(super) const fn gap(&mut self) {
        self.is_gap = true;
    }

    /// Those that are pending no longer: nothing else tells of an answer that has gone out.
    pub(super) fn settle(&mut self, parts: &Parts, known: &Known) {
        let held = parts.again.store().held(known.pending.iter().copied());
        self.dirty.extend(missing(&known.pending, &held));
    }

    /// Whether there is nothing to tell.
    pub(super) fn is_empty(&self) -> bool {
        let has_remarks = !self.refused.is_empty() || !self.warnings.is_empty();
        let has_changes = !self.dirty.is_empty() || self.has_deleted || self.has_status;
        !(has_changes || has_remarks || self.is_gap)
    }

    pub(super) const fn status(&mut self) {
        self.has_status = true;
    }

    /// Makes frames of it.
    pub(super) fn push(self, hub: &Hub, parts: &Parts, known: &mut Known) {
        let store = parts.again.store();
        if self.is_gap {
            known.ids = store.ids();
            known.pending = store.held(known.ids.iter().copied());
            hub.push(|_| What::Gap);
            return;
        }
        let ids: Vec<u64> = self.dirty.into_iter().collect();
        let evicted = store.counts().evicted;
        let found = store.some(&ids);
        // A snapshot may have told of what was gone before any frame did.
        let early = ids.iter().zip(&found).filter(|(_, kept)| kept.is_none());
        let early: Vec<u64> = early.map(|(id, _)| *id).collect();
        let kept: Vec<Kept> = found.into_iter().flatten().collect();
        let gone = if self.has_deleted || evicted != known.evicted || !early.is_empty() {
            known.evicted = evicted;
            let now = store.ids();
            let mut gone = missing(&known.ids, &now);
            gone.extend(early);
            gone.sort_unstable();
            gone.dedup();
            known.ids = now;
            gone
        } else {
            let last = known.ids.last().copied().unwrap_or_default();
            let new = kept.iter().map(|kept| kept.delivery.id);
            known.ids.extend(new.filter(|id| *id > last));
            Vec::new()
        };
        known.pending.retain(|id| ids.binary_search(id).is_err());
        known.pending.extend(store.held(ids.iter().copied()));
        known.pending.sort_unstable();
        let now = parts.now();
        let status = parts.status(&now);
        let chunks = kept.chunks(ROWS);
        let count = chunks.len().max(1);
        // What has nothing to do with deliveries goes with the last of them.
        for at in 0..count {
            let rows = kept.chunks(ROWS).nth(at).unwrap_or_default();
            let is_last = at + 1 == count;
            hub.push(|resume| {
                let changes = Changes {
                    resume,
                    deliveries: Row::all(rows, &known.pending),
                    gone: if is_last { &gone } else { &[] },
                    refused: remarks::<_, RefusedObject<'_>>(&self.refused, is_last)
                        .into_iter()
                        // A request line may be as long as 64 KiB.
                        .map(RefusedObject::short)
                        .collect(),
                    warnings: remarks(&self.warnings, is_last),
                    status: (is_last && self.has_status).then_some(&status),
                };
                let ids = rows.iter().map(|kept| kept.delivery.id).collect();
                What::Changes(text(&changes), ids)
            });
        }
    }
}

fn remarks<'a, T, U: From<&'a T>>(all: &'a [Arc<T>], wanted: bool) -> Vec<U> {
    let all = all.iter().filter(|_| wanted);
    all.map(|one| U::from(one)).collect()
}

/// Any frame as text.
pub(super) fn text(frame: &impl serde::Serialize) -> Utf8Bytes {
    let mut text = Vec::new();
    // Writing into memory does not fail, and JSON is UTF-8.
    let _ = wire::write_line(frame, &mut text);
    text.pop();
    Utf8Bytes::try_from(text).unwrap_or_default()
}

/// What the frames up to now have told.
#[derive(Debug)]
pub(super) struct Known {
    ids: Vec<u64>,
    evicted: u64,
    /// Those that were told to be pending, ascending.
    pending: Vec<u64>,
}

impl Known {
    pub(super) fn of(parts: &Parts) -> Self {
        let store = parts.again.store();
        Self {
            evicted: store.counts().evicted,
            ids: store.ids(),
            pending: Vec::new(),
        }
    }

    /// Whether somebody was told that a delivery is pending.
    pub(super) const fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }
}

/// What is in the first and not in the second, both ascending.
fn missing(before: &[u64], now: &[u64]) -> Vec<u64> {
    let mut now = now.iter().peekable();
    let is_gone = |id: &&u64| {
        while now.next_if(|other| other < id).is_some() {}
        now.peek() != Some(id)
    };
    before.iter().filter(is_gone).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_missing_is_found(
            before in prop::collection::btree_set(0..40_u64, 0..30),
            now in prop::collection::btree_set(0..40_u64, 0..30),
        ) {
            let expected: Vec<_> = before.difference(&now).copied().collect();
            let before: Vec<_> = before.into_iter().collect();
            let now: Vec<_> = now.into_iter().collect();
            prop_assert_eq!(missing(&before, &now), expected);
        }
    }
}
