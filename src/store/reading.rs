//! Reading deliveries and attempts back from the database.

use std::ops::RangeInclusive;
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::error::damage;
use super::{notes, relays, rows};
use crate::delivery::Kept;

/// How much to read back.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deliveries.
    pub count: usize,
    /// Bytes of them.
    pub weight: usize,
}

impl Limits {
    /// Everything.
    pub const NONE: Self = Self {
        count: usize::MAX,
        weight: usize::MAX,
    };
}

/// What was read.
#[derive(Debug, Default)]
pub struct Rows {
    /// The newest deliveries within the limits, oldest first.
    pub kept: Vec<Kept>,
    /// Ids of those that an app is to get later.
    pub waiting: Vec<u64>,
    /// Ids of deliveries whose rows are not those that were written.
    pub damaged: Vec<u64>,
    /// How many attempts are not those that were written.
    pub damaged_attempts: u64,
}

/// Reads the newest deliveries within the limits whose ids are in `ids`, with their attempts.
pub(super) fn read(
    db: &Connection,
    ids: RangeInclusive<u64>,
    limits: Limits,
) -> rusqlite::Result<Rows> {
    let mut found = Rows::default();
    read_deliveries(db, &ids, limits, &mut found)?;
    let (Some(first), Some(last)) = (found.kept.first(), found.kept.last()) else {
        return Ok(found);
    };
    let (first, last) = (first.delivery.id, last.delivery.id);
    read_attempts(db, first..=last, &mut found)?;
    found.waiting = read_beside(db, first, &mut found.kept);
    Ok(found)
}

/// Adds what is known of deliveries from `first` on beside what came in, and returns the ids of
/// those that an app is to get later.
fn read_beside(db: &Connection, first: u64, all: &mut [Kept]) -> Vec<u64> {
    let mut waiting = Vec::new();
    let mut notes = notes::read(db, first);
    let mut relays = relays::read(db, first);
    if notes.is_empty() && relays.is_empty() {
        return waiting;
    }
    for kept in all {
        let id = kept.delivery.id;
        let (note, relay) = (notes.remove(&id), relays.remove(&id));
        // Nobody else has it yet.
        let Some(delivery) = Arc::get_mut(&mut kept.delivery) else {
            continue;
        };
        if let Some(note) = note {
            waiting.extend(note.waits.then_some(id));
            kept.marked = note.marked;
            delivery.request.original = note.original;
        }
        if let Some(row) = relay {
            kept.repeats = row.repeats;
            delivery.request.relayed = Some(row.relayed);
        }
    }
    waiting
}

/// The largest id that a row can have: an attempt's key has its delivery's in it.
const MAX_ID: u64 = u64::MAX >> 21;

fn read_deliveries(
    db: &Connection,
    ids: &RangeInclusive<u64>,
    limits: Limits,
    found: &mut Rows,
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {} FROM deliveries WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT ?3",
        rows::DELIVERY_COLUMNS
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut reading = statement.query(params![
        ids.start().min(&MAX_ID).cast_signed(),
        ids.end().min(&MAX_ID).cast_signed(),
        i64::try_from(limits.count).unwrap_or(i64::MAX)
    ])?;
    let mut newest_first: Vec<Kept> = Vec::new();
    let mut weight = 0;
    let mut above = u64::MAX;
    while let Some(row) = reading.next()? {
        let read = rows::delivery_of(row)?;
        let id = match &read {
            Ok(delivery) => delivery.id,
            Err(id) => *id,
        };
        // Only a broken tree is out of order.
        if id >= above {
            return Err(damage());
        }
        above = id;
        match read {
            Ok(delivery) => {
                weight += delivery.request.weight();
                if weight > limits.weight && !newest_first.is_empty() {
                    break;
                }
                newest_first.push(Kept::new(Arc::new(delivery)));
            }
            Err(id) => found.damaged.push(id),
        }
    }
    newest_first.reverse();
    found.kept = newest_first;
    Ok(())
}

fn read_attempts(
    db: &Connection,
    ids: RangeInclusive<u64>,
    found: &mut Rows,
) -> rusqlite::Result<()> {
    let sql = format!(
        "SELECT {} FROM attempts WHERE id >= ?1 AND id < ?2 ORDER BY id",
        rows::ATTEMPT_COLUMNS
    );
    let mut statement = db.prepare_cached(&sql)?;
    let mut reading = statement.query(params![
        rows::attempt_key(*ids.start(), 0),
        rows::attempt_key(ids.end() + 1, 0)
    ])?;
    let mut at = 0;
    while let Some(row) = reading.next()? {
        let Some(attempt) = rows::attempt_of(row)? else {
            found.damaged_attempts += 1;
            continue;
        };
        while found
            .kept
            .get(at)
            .is_some_and(|k| k.delivery.id < attempt.delivery)
        {
            at += 1;
        }
        if let Some(kept) = found.kept.get_mut(at)
            && kept.delivery.id == attempt.delivery
        {
            kept.attempts.push(Arc::new(attempt));
        }
    }
    Ok(())
}
