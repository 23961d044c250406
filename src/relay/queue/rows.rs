//! The queue's table.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::gone::Gone;
use super::{Most, Rank, Tally, Waiting};
use crate::delivery::Headers;
use crate::relay::book::{micros, time};

/// What came in before this has waited too long.
pub(super) fn cutoff(age: Duration) -> i64 {
    let age = i64::try_from(age.as_micros()).unwrap_or(i64::MAX);
    micros(Timestamp::now()).saturating_sub(age)
}

/// Adds a delivery, and tells whether it was not there yet.
pub(super) fn insert(
    db: &Connection,
    rank: Rank,
    name: &str,
    waiting: &Waiting,
) -> rusqlite::Result<bool> {
    let sql = "INSERT INTO queue
        (seq, id, name, received_at, size, peer, scheme, method, path, headers, body)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO NOTHING";
    let added = db.prepare_cached(sql)?.execute(params![
        rank.0,
        waiting.id,
        name,
        micros(waiting.received_at),
        i64::try_from(waiting.size()).unwrap_or(i64::MAX),
        waiting.peer,
        waiting.scheme,
        waiting.method,
        waiting.path,
        waiting.headers.as_bytes(),
        &waiting.body[..],
    ])?;
    Ok(added > 0)
}

/// The last rank that was ever given to a delivery that waited.
pub(super) fn last_rank(db: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT seq FROM sqlite_sequence WHERE name = 'queue'";
    let last = db.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(last.unwrap_or(0))
}

/// Deletes a delivery, and tells under which name it was and what it counted for.
pub(super) fn delete(db: &Connection, id: &str) -> rusqlite::Result<Option<(Box<str>, Tally)>> {
    let sql = "DELETE FROM queue WHERE id = ?1 RETURNING name, size";
    let mut delete = db.prepare_cached(sql)?;
    delete.query_row([id], change).optional()
}

/// What would change if a delivery were deleted; `None` where there is none of that id.
pub(super) fn leaves(db: &Connection, id: &str) -> rusqlite::Result<Option<(Box<str>, Tally)>> {
    let mut select = db.prepare_cached("SELECT name, size FROM queue WHERE id = ?1")?;
    select.query_row([id], change).optional()
}

fn change(row: &Row<'_>) -> rusqlite::Result<(Box<str>, Tally)> {
    let change = Tally {
        count: -1,
        bytes: -row.get::<_, i64>(1)?,
    };
    Ok((row.get_ref(0)?.as_str()?.into(), change))
}

/// Writes something that changes nothing, to see whether it can be.
pub(super) fn probe(db: &Connection) -> rusqlite::Result<()> {
    let sql = "UPDATE meta SET value = value WHERE key = 'generation'";
    db.execute(sql, []).map(drop)
}

/// The first under a name, in order. Those that are too old are passed over, and those that
/// are `gone`.
pub(super) fn first(
    db: &Connection,
    name: &str,
    most: Most,
    cutoff: i64,
    gone: &Gone,
) -> rusqlite::Result<Vec<Waiting>> {
    let sql = "SELECT id, received_at, peer, scheme, method, path, headers, body FROM queue
        WHERE name = ?1 AND received_at >= ?2 ORDER BY seq LIMIT ?3";
    let mut select = db.prepare_cached(sql)?;
    let count = most.count.saturating_add(gone.len());
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let mut rows = select.query(params![name, cutoff, count])?;
    let mut found = Vec::new();
    let mut bytes = 0;
    while let Some(row) = rows.next()?
        && found.len() < most.count
    {
        if gone.has(row.get_ref(0)?.as_str()?) {
            continue;
        }
        let waiting = read(row)?;
        bytes += waiting.size();
        if !found.is_empty() && bytes > most.bytes {
            break;
        }
        found.push(waiting);
    }
    Ok(found)
}

fn read(row: &Row<'_>) -> rusqlite::Result<Waiting> {
    let text = |at: usize| -> rusqlite::Result<Box<str>> { Ok(row.get_ref(at)?.as_str()?.into()) };
    Ok(Waiting {
        id: text(0)?,
        received_at: time(row.get(1)?),
        peer: text(2)?,
        scheme: text(3)?,
        method: text(4)?,
        path: text(5)?,
        headers: Headers::from_block(row.get_ref(6)?.as_blob()?),
        body: Bytes::copy_from_slice(row.get_ref(7)?.as_blob()?),
    })
}

/// Deletes what came in before `cutoff`, and tells what that was.
pub(super) fn expire(db: &Connection, cutoff: i64) -> rusqlite::Result<HashMap<Box<str>, Tally>> {
    let sql = "SELECT name, count(*), sum(size) FROM queue WHERE received_at < ?1 GROUP BY name";
    let old = tallied(db, sql, [cutoff])?;
    if !old.is_empty() {
        db.execute("DELETE FROM queue WHERE received_at < ?1", [cutoff])?;
    }
    Ok(old)
}

/// What waits under each name.
pub(super) fn tallies(db: &Connection) -> rusqlite::Result<HashMap<Box<str>, Tally>> {
    let sql = "SELECT name, count(*), sum(size) FROM queue GROUP BY name";
    tallied(db, sql, [])
}

fn tallied(
    db: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> rusqlite::Result<HashMap<Box<str>, Tally>> {
    let mut select = db.prepare_cached(sql)?;
    let rows = select.query_map(params, |row| {
        let (count, bytes) = (row.get(1)?, row.get(2)?);
        Ok((row.get_ref(0)?.as_str()?.into(), Tally { count, bytes }))
    })?;
    rows.collect()
}

/// Gives pages that are free back to the system, a few at a time.
pub(super) fn shrink(db: &Connection) -> rusqlite::Result<()> {
    const PAGES: i64 = 2048;
    let free: i64 = db.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free > PAGES {
        db.execute_batch(&format!("PRAGMA incremental_vacuum({PAGES})"))?;
    }
    Ok(())
}
