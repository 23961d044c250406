//! Deliveries that came more than once.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use crate::delivery::Kept;

/// Which deliveries repeat an earlier one: the same method, path, query and body. Edited
/// copies are none, and repeat none.
///
/// Bodies are told apart by 128 bits of keyed hash and not held, so that this takes some
/// 50 bytes a delivery, and no sender can make two look the same.
#[derive(Debug, Clone, Default)]
pub struct Duplicates {
    keys: [RandomState; 2],
    first: HashMap<[u64; 2], u64>,
    ids: HashSet<u64>,
}

impl Duplicates {
    /// Of these, which are in the order of their ids.
    pub fn of<'k>(kept: impl IntoIterator<Item = &'k Kept>) -> Self {
        let mut duplicates = Self::default();
        for kept in kept {
            duplicates.see(kept);
        }
        duplicates
    }

    /// Takes one more into account; one that was seen before changes nothing.
    pub fn see(&mut self, kept: &Kept) {
        let (id, request) = (kept.delivery.id, &kept.delivery.request);
        if request.original.is_some() {
            return;
        }
        let same = (&request.method, &request.path_and_query, &request.body);
        let digest = [self.keys[0].hash_one(same), self.keys[1].hash_one(same)];
        if *self.first.entry(digest).or_insert(id) != id {
            self.ids.insert(id);
        }
    }

    /// Whether the delivery of that id repeats an earlier one.
    pub fn contains(&self, id: u64) -> bool {
        self.ids.contains(&id)
    }
}
