//! Deliveries that were handed on and are on the disk still, because it does not let them go.

use std::collections::HashMap;

use rusqlite::Connection;

use super::{Shared, Tally, rows};

/// What they counted for, as a change, by their ids.
#[derive(Debug, Default)]
pub(super) struct Gone(HashMap<Box<str>, (Box<str>, Tally)>);

impl Gone {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn has(&self, id: &str) -> bool {
        self.0.contains_key(id)
    }

    /// Remembers these, which wait no longer from now on.
    pub(super) fn remember(
        &mut self,
        db: &Connection,
        shared: &Shared,
        ids: Vec<Box<str>>,
    ) -> rusqlite::Result<()> {
        for id in ids {
            if self.has(&id) {
                continue;
            }
            if let Some((name, change)) = rows::leaves(db, &id)? {
                shared.apply(HashMap::from([(name.clone(), change)]));
                self.0.insert(id, (name, change));
            }
        }
        Ok(())
    }

    /// Takes them from the disk. They are forgotten once that is committed.
    pub(super) fn delete(&self, db: &Connection) -> rusqlite::Result<()> {
        for id in self.0.keys() {
            rows::delete(db, id)?;
        }
        Ok(())
    }

    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    /// Takes them out of what was counted on the disk.
    pub(super) fn discount(
        &mut self,
        db: &Connection,
        tallies: &mut HashMap<Box<str>, Tally>,
    ) -> rusqlite::Result<()> {
        let mut there = HashMap::new();
        for (id, (name, change)) in self.0.drain() {
            // A command of the operator's may have deleted it.
            if rows::leaves(db, &id)?.is_some() {
                tallies.entry(name.clone()).or_default().add(change);
                there.insert(id, (name, change));
            }
        }
        self.0 = there;
        tallies.retain(|_, tally| tally.count > 0);
        Ok(())
    }
}
