//! A connection to the journal's database.

use std::path::Path;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, database};
use super::identity::{APPLICATION_ID, identify};
use super::rows::{self, LAYOUT};
use super::{notes, relays};

/// Opens the file and prepares it, once it is known to be cmhook's and not newer.
pub(super) fn connect(path: &Path, durable: bool) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(database(path))?;
    let is_new = identify(&db, path)?;
    prepare(&db, durable, is_new).map_err(database(path))?;
    Ok(db)
}

fn prepare(db: &Connection, durable: bool, is_new: bool) -> rusqlite::Result<()> {
    if is_new {
        // The default, but `check_header` counts on it.
        db.pragma_update(None, "page_size", 4096)?;
    }
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", if durable { "full" } else { "normal" })?;
    // The writer thread checkpoints by itself, between batches.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "journal_size_limit", 256 << 20)?;
    if is_new {
        db.execute_batch(&format!(
            "BEGIN IMMEDIATE; {} {} {} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={LAYOUT}; COMMIT;",
            rows::SCHEMA,
            notes::SCHEMA,
            relays::SCHEMA
        ))?;
        return Ok(());
    }
    let layout: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if layout == 1 {
        notes::upgrade(db)?;
    }
    if layout <= 2 {
        relays::upgrade(db)?;
    }
    Ok(())
}

/// Has closing move what is in the WAL into the file. Until it is known that the store is
/// sound, nothing in it should move.
pub(super) fn settle(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}
