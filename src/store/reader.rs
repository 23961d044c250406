//! Looking into a store without owning it: a listener may have it meanwhile.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, database};
use super::identity::check_to_read;
use super::notes;
use super::reading::{self, Limits};
use crate::delivery::Kept;

/// A connection that reads. It sees everything that was committed before each call.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
}

/// What was read, and what could not be.
#[derive(Debug, Default)]
pub struct Readable {
    /// Deliveries, oldest first.
    pub kept: Vec<Kept>,
    /// How many deliveries and attempts in between are damaged and left out.
    pub damaged: u64,
}

impl Reader {
    /// Opens a store to read it.
    ///
    /// # Errors
    /// Where there is none, or it is newer, something else, or not readable.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        check_to_read(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(database(path))?;
        db.busy_timeout(std::time::Duration::from_secs(2))
            .map_err(database(path))?;
        Ok(Self {
            db,
            path: path.to_owned(),
        })
    }

    /// The newest deliveries within the limits whose ids are in `ids`, oldest first.
    ///
    /// # Errors
    /// Where the file is damaged as a whole or cannot be read.
    pub fn read(&self, ids: RangeInclusive<u64>, limits: Limits) -> Result<Readable, OpenError> {
        // One moment for deliveries and their attempts.
        let read = || {
            let moment = self.db.unchecked_transaction()?;
            let rows = reading::read(&self.db, ids, limits)?;
            moment.finish()?;
            Ok(rows)
        };
        let rows = read().map_err(database(&self.path))?;
        Ok(Readable {
            damaged: rows.damaged.len() as u64 + rows.damaged_attempts,
            kept: rows.kept,
        })
    }

    /// All deliveries, oldest first.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn all(&self) -> Result<Readable, OpenError> {
        self.read(0..=u64::MAX, Limits::NONE)
    }

    /// A number that changes with every commit of another connection.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn version(&self) -> Result<i64, OpenError> {
        self.db
            .pragma_query_value(None, "data_version", |row| row.get(0))
            .map_err(database(&self.path))
    }

    /// A text that was remembered about the store, see [`super::Store::remember`].
    pub fn text(&self, key: &str) -> Option<String> {
        notes::read_text(&self.db, key)
    }
}
