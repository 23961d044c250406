//! Saving what can be read of a damaged store.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, params};

use super::connection::{connect, settle};
use super::error::{OpenError, database, io_error};
use super::notes::Note;
use super::private::{beside, create_private_file};
use super::relays::RelayRow;
use super::{notes, relays, rows, wal};
use crate::delivery::{Attempt, Delivery};

/// How far ids go on where it can no longer be read which were given.
const MARGIN: u64 = 1 << 16;
/// Broken rows that are stepped over one by one, which is more than a page holds.
const STEPS: u32 = 128;

/// What could not be read of a damaged store.
#[derive(Debug, Default)]
pub(super) struct Lost {
    /// Ids of deliveries.
    pub(super) deliveries: Vec<u64>,
    /// How many attempts.
    pub(super) attempts: u64,
}

/// Copies what can be read of a damaged store into a new one, for [`swap`] to put in its
/// place. A kill before that leaves everything as it was.
pub(super) fn salvage(path: &Path) -> Result<Lost, OpenError> {
    // Reading goes on in a copy, because opening a WAL changes the files.
    let copy = beside(path, ".copy");
    copy_for_reading(path, &copy)?;
    let unfinished = beside(path, ".unfinished");
    remove(&unfinished);
    create_private_file(&unfinished)?;
    let mut beside = Beside::of_own_page(&copy);
    let old = open_damaged(&copy)?;
    beside.add(&old);
    let new = connect(&unfinished, true)?;
    settle(&new).map_err(database(path))?;
    let lost = copy_rows(&old, &new, beside).map_err(database(path))?;
    // Closing it moves its WAL into the file.
    drop((old, new));
    remove(&copy);
    let salvaged = salvaged(path);
    fs::rename(&unfinished, &salvaged).map_err(io_error("rename", &unfinished))?;
    Ok(lost)
}

/// What is known of deliveries beside what came in.
#[derive(Debug, Default)]
struct Beside {
    notes: HashMap<u64, Note>,
    relays: HashMap<u64, RelayRow>,
}

impl Beside {
    /// As the file's own first page has it, if that can be read. A store that was made before
    /// there were these tables has them behind its deliveries, and not where a new one has
    /// them, see [`open_damaged`].
    fn of_own_page(copy: &Path) -> Self {
        let mut found = Self::default();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        if let Ok(db) = Connection::open_with_flags(copy, flags) {
            // Nothing may change in it.
            let _ = db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
            found.add(&db);
        }
        found
    }

    /// Adds what is not there yet; each row proves itself.
    fn add(&mut self, db: &Connection) {
        for (id, note) in notes::read(db, 0) {
            self.notes.entry(id).or_insert(note);
        }
        for (id, row) in relays::read(db, 0) {
            self.relays.entry(id).or_insert(row);
        }
    }
}

/// What can be read of a damaged store that is still in its place: it is there only from the
/// end of [`salvage`] to the end of [`swap`].
pub(super) fn salvaged(path: &Path) -> PathBuf {
    beside(path, ".salvaged")
}

/// Puts the damaged files aside, untouched, and the new one in their place. Returns where
/// the old one is. After a kill the next start does the rest.
pub(super) fn swap(path: &Path) -> Result<PathBuf, OpenError> {
    let aside = put_aside(path)?;
    let salvaged = salvaged(path);
    fs::rename(&salvaged, path).map_err(io_error("rename", &salvaged))?;
    Ok(aside)
}

/// Renames the files of the store, and returns the main one's new name.
fn put_aside(path: &Path) -> Result<PathBuf, OpenError> {
    let now = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
    let mut aside = beside(path, &format!(".damaged-{now}"));
    for again in 2.. {
        if !aside.exists() {
            break;
        }
        aside = beside(path, &format!(".damaged-{now}-{again}"));
    }
    for suffix in ["", "-wal"] {
        let (from, to) = (beside(path, suffix), beside(&aside, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(io_error("put aside the damaged store", &from))?;
        }
    }
    // The index of the WAL; SQLite makes it again.
    let _ = fs::remove_file(beside(path, "-shm"));
    Ok(aside)
}

fn copy_for_reading(store: &Path, copy: &Path) -> Result<(), OpenError> {
    remove(copy);
    let cannot = "copy the damaged store to";
    create_private_file(copy)?;
    fs::copy(store, copy).map_err(io_error(cannot, copy))?;
    let (from, to) = (beside(store, "-wal"), beside(copy, "-wal"));
    if from.exists() {
        create_private_file(&to)?;
        wal::copy_readable(&from, &to).map_err(io_error(cannot, &to))?;
    }
    Ok(())
}

fn remove(database: &Path) {
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(database, suffix));
    }
}

/// Opens the copy with the first page of a new store. All stores have the same tables in the
/// same places, and with a bit wrong in its header SQLite may read every page of a file wrong.
fn open_damaged(copy: &Path) -> Result<Connection, OpenError> {
    let model = beside(copy, ".model");
    remove(&model);
    create_private_file(&model)?;
    let new = connect(&model, false)?;
    settle(&new).map_err(database(&model))?;
    // Closing it moves its WAL into the file.
    drop(new);
    let mut page = fs::read(&model).map_err(io_error("read", &model))?;
    remove(&model);
    page.truncate(4096);
    // Where this number is not the one at 24, SQLite goes by the length of the file.
    page[92..96].fill(0xff);
    OpenOptions::new()
        .write(true)
        .open(copy)
        .and_then(|mut file| file.write_all(&page))
        .map_err(io_error("write", copy))?;
    Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(database(copy))
}

fn copy_rows(old: &Connection, new: &Connection, mut beside: Beside) -> rusqlite::Result<Lost> {
    let mut lost = Lost::default();
    let one = |sql: &str| old.query_row(sql, [], |row| row.get::<_, i64>(0)).ok();
    let reserved = one("SELECT value FROM meta WHERE key='reserved'");
    let mut last_id = 0;
    new.execute_batch("BEGIN IMMEDIATE")?;
    let newest = reserved.map_or(u64::MAX, i64::cast_unsigned);
    for delivery in readable_deliveries(old, newest, &mut lost.deliveries) {
        last_id = delivery.id;
        rows::insert_delivery(new, &delivery)?;
        if let Some(note) = beside.notes.remove(&delivery.id) {
            notes::write(new, delivery.id, note)?;
        }
        if let Some(row) = beside.relays.remove(&delivery.id) {
            relays::write(new, delivery.id, &row)?;
        }
        for attempt in readable_attempts(old, delivery.id, &mut lost.attempts) {
            rows::insert_attempt(new, &attempt)?;
        }
    }
    let last_id = match reserved {
        Some(reserved) => last_id.max(reserved.max(0).cast_unsigned()),
        None => last_id + MARGIN,
    };
    new.execute(
        "INSERT OR REPLACE INTO meta VALUES ('reserved', ?1)",
        params![last_id.cast_signed()],
    )?;
    new.execute_batch("COMMIT")?;
    Ok(lost)
}

/// Every delivery that can still be read, stepping over those that cannot. No id is over
/// `newest`.
fn readable_deliveries<'a>(
    db: &'a Connection,
    newest: u64,
    damaged: &'a mut Vec<u64>,
) -> impl Iterator<Item = Delivery> + 'a {
    let sql = format!(
        "SELECT {} FROM deliveries WHERE id > ?1 ORDER BY id LIMIT 1",
        rows::DELIVERY_COLUMNS
    );
    let mut after = 0u64;
    let mut failed = 0u32;
    std::iter::from_fn(move || {
        loop {
            let step = db.prepare_cached(&sql).and_then(|mut statement| {
                statement.query_row(params![after.cast_signed()], rows::delivery_of)
            });
            match step {
                // In a broken tree a search may end anywhere.
                Ok(Ok(delivery)) if delivery.id > after => {
                    (after, failed) = (delivery.id, 0);
                    return Some(delivery);
                }
                Ok(Err(id)) if id > after && id <= newest => {
                    if damaged.last() != Some(&id) {
                        damaged.push(id);
                    }
                    // It may be the id that has changed, and then others are before it.
                    let near = id - after <= u64::from(STEPS);
                    after = if near { after + 1 } else { id };
                }
                Err(rusqlite::Error::QueryReturnedNoRows) => return None,
                // A broken page holds several rows, and broken pages above it many.
                _ => {
                    failed += 1;
                    let stride = 1u64 << failed.saturating_sub(STEPS);
                    after = after.checked_add(stride).filter(|id| *id < 1 << 43)?;
                }
            }
        }
    })
}

fn readable_attempts(db: &Connection, delivery: u64, damaged: &mut u64) -> Vec<Attempt> {
    let sql = format!(
        "SELECT {} FROM attempts WHERE id >= ?1 AND id < ?2 ORDER BY id",
        rows::ATTEMPT_COLUMNS
    );
    let Ok(mut statement) = db.prepare_cached(&sql) else {
        return Vec::new();
    };
    let range = params![
        rows::attempt_key(delivery, 0),
        rows::attempt_key(delivery + 1, 0)
    ];
    let Ok(rows) = statement.query_map(range, rows::attempt_of) else {
        return Vec::new();
    };
    let mut attempts: Vec<Attempt> = Vec::new();
    for row in rows {
        let last = attempts.last().map_or(0, |last| last.n);
        match row {
            Ok(Some(attempt)) if attempt.delivery == delivery && attempt.n > last => {
                attempts.push(attempt);
            }
            Ok(_) => *damaged += 1,
            Err(_) => {
                *damaged += 1;
                break;
            }
        }
    }
    attempts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Headers, Received, Relayed, Verdict};
    use crate::store::Store;
    use crate::store::identity::APPLICATION_ID;

    const COUNT: u64 = 60;

    fn received(id: u64, relayed: bool) -> Received {
        Received {
            received_at: jiff::Timestamp::UNIX_EPOCH,
            peer: "127.0.0.1:1".into(),
            method: "POST".into(),
            path_and_query: "/".into(),
            headers: Headers::default(),
            body: format!("body {id:04} {}", "x".repeat(900)).into(),
            event: None,
            verdict: Verdict::Unsigned,
            original: None,
            relayed: relayed.then(|| {
                Box::new(Relayed {
                    id: format!("r{id}").into(),
                    queued_at: None,
                })
            }),
        }
    }

    /// A store of layout 1 with deliveries in it, so that later tables stand behind these.
    fn layout_1(path: &Path) {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        let begin = format!(
            "{} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1;",
            rows::SCHEMA
        );
        db.execute_batch(&begin).unwrap();
        for id in 1..=COUNT {
            let request = received(id, false);
            rows::insert_delivery(&db, &Delivery { id, request }).unwrap();
        }
    }

    /// Breaks the page on which that is.
    fn break_page(path: &Path, text: &str) {
        let mut file = fs::read(path).unwrap();
        let at = file.windows(text.len()).position(|w| w == text.as_bytes());
        let page = at.unwrap() / 4096 * 4096;
        file[page] = 0xff;
        fs::write(path, file).unwrap();
    }

    #[test]
    fn what_is_known_beside_a_delivery_is_saved_whenever_the_store_was_made() {
        for is_old in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.db");
            let settings = StoreSettings {
                path: Some(path.clone()),
                durable: false,
                keep: 1000,
                keep_bytes: usize::MAX,
            };
            if is_old {
                layout_1(&path);
            }
            let (store, _) = Store::open(&settings).unwrap();
            for id in COUNT + 1..=3 * COUNT {
                drop(store.record(received(id, true)));
            }
            let marked = store.ids()[5];
            store.mark(marked, true);
            let repeated = *store.ids().last().unwrap();
            store.record_repeat(repeated);
            store.close();
            let before = store.all();
            drop(store);
            break_page(&path, "body 0100");
            let (store, warnings) = Store::open(&settings).unwrap();
            assert!(!warnings.is_empty());
            let after = store.all();
            let lost = before.len() - after.len();
            assert!(
                (1..=8).contains(&lost),
                "{lost} are lost, old {is_old}: {warnings:?}"
            );
            assert!(after.iter().all(|kept| before.contains(kept)));
            assert!(store.get(marked).unwrap().marked);
            assert_eq!(store.get(repeated).unwrap().repeats, 1);
            store.close();
        }
    }
}
