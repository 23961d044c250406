//! Looking into a store without owning it: a listener may have it meanwhile.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::error::{OpenError, damage, database};
use super::identity::check_to_read;
use super::reading::{self, Limits};
use super::{notes, rows};
use crate::delivery::Kept;

/// A connection that reads. It sees everything that was committed before each call.
#[derive(Debug)]
pub struct Reader {
    db: Connection,
    path: PathBuf,
    // A listener was stopped before it had made the tables.
    unmade: bool,
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
        let made = check_to_read(path)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(path, flags).map_err(database(path))?;
        db.busy_timeout(std::time::Duration::from_secs(2))
            .map_err(database(path))?;
        let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| {
            row.get::<_, i64>(0)
        });
        let unmade = tables.map_err(database(path))? == 0;
        if made && unmade {
            return Err(database(path)(damage()));
        }
        Ok(Self {
            unmade,
            db,
            path: path.to_owned(),
        })
    }

    /// The newest deliveries within the limits whose ids are in `ids`, oldest first.
    ///
    /// # Errors
    /// Where the file is damaged as a whole or cannot be read.
    pub fn read(&self, ids: RangeInclusive<u64>, limits: Limits) -> Result<Readable, OpenError> {
        if self.unmade {
            return Ok(Readable::default());
        }
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

    /// The number of the newest attempt of each delivery that has any, by the delivery's id.
    ///
    /// # Errors
    /// Where the file is damaged as a whole or cannot be read.
    pub fn newest_attempts(&self) -> Result<HashMap<u64, u32>, OpenError> {
        let sql = "SELECT id >> ?1, max(id) & (1 << ?1) - 1 FROM attempts GROUP BY 1";
        let read = || {
            let mut statement = self.db.prepare_cached(sql)?;
            let rows = statement.query_map([rows::ATTEMPT_BITS], |row| {
                Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))
            })?;
            rows.collect::<rusqlite::Result<_>>()
        };
        read().map_err(database(&self.path))
    }

    /// A text that was remembered about the store, see [`super::Store::remember`].
    pub fn text(&self, key: &str) -> Option<String> {
        notes::read_text(&self.db, key)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::config::StoreSettings;
    use crate::delivery::{Delivery, Headers, Received, Relayed, Verdict};
    use crate::store::identity::APPLICATION_ID;
    use crate::store::{Store, rows};

    fn delivery(id: u64) -> Delivery {
        Delivery {
            id,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: bytes::Bytes::from_static(b"{}"),
                event: None,
                verdict: Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }
    }

    /// A store as cmhook made it before there were notes.
    fn layout_1(path: &Path) {
        let db = Connection::open(path).unwrap();
        db.pragma_update(None, "journal_mode", "wal").unwrap();
        db.execute_batch(&format!(
            "{} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version=1;",
            rows::SCHEMA
        ))
        .unwrap();
        for id in [1, 2] {
            rows::insert_delivery(&db, &delivery(id)).unwrap();
        }
    }

    fn settings(path: &Path) -> StoreSettings {
        StoreSettings {
            path: Some(path.to_owned()),
            durable: false,
            keep: 10,
            keep_bytes: usize::MAX,
        }
    }

    #[test]
    fn a_store_of_layout_2_keeps_its_notes_and_takes_in_what_comes_through_a_relay() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        layout_1(&path);
        let db = Connection::open(&path).unwrap();
        notes::upgrade(&db).unwrap();
        let note = notes::Note {
            original: None,
            marked: true,
            waits: false,
        };
        notes::write(&db, 2, note).unwrap();
        drop(db);
        assert!(Reader::open(&path).unwrap().all().unwrap().kept[1].marked);
        let (store, warnings) = Store::open(&settings(&path)).unwrap();
        assert!(warnings.is_empty() && store.all()[1].marked);
        let mut request = delivery(3).request;
        request.relayed = Some(Box::new(Relayed {
            id: "a".into(),
            queued_at: None,
        }));
        let recorded = store.record_once(request.clone()).unwrap();
        assert_eq!(
            store.record_once(request).unwrap_err(),
            recorded.delivery.id
        );
        store.close();
        let expected = store.all();
        drop((recorded, store));
        assert_eq!(Reader::open(&path).unwrap().all().unwrap().kept, expected);
    }

    #[test]
    fn a_store_of_layout_1_is_read_as_it_is_and_taken_over_by_a_listener() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("old.db");
        layout_1(&path);
        let expected = [1, 2].map(|id| Kept::new(Arc::new(delivery(id))));
        let before = std::fs::read(&path).unwrap();
        let reader = Reader::open(&path).unwrap();
        assert_eq!(reader.all().unwrap().kept, expected);
        assert_eq!(reader.text("targets"), None);
        drop(reader);
        assert_eq!(std::fs::read(&path).unwrap(), before);

        let (store, warnings) = Store::open(&settings(&path)).unwrap();
        assert_eq!((store.all(), warnings.len()), (expected.to_vec(), 0));
        assert!(store.mark(2, true));
        store.close();
        let kept = Reader::open(&path).unwrap().all().unwrap().kept;
        assert_eq!((kept[0].marked, kept[1].marked), (false, true));
    }

    #[test]
    fn what_is_no_store_is_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str| Reader::open(&folder.path().join(name)).unwrap_err();
        assert!(matches!(open("none.db"), OpenError::Missing { .. }));
        std::fs::write(folder.path().join("text.db"), "x".repeat(200)).unwrap();
        assert!(matches!(open("text.db"), OpenError::NotAStore { .. }));
        std::fs::write(folder.path().join("begun.db"), "").unwrap();
        let begun = Reader::open(&folder.path().join("begun.db")).unwrap();
        assert!(begun.all().unwrap().kept.is_empty());
        layout_1(&folder.path().join("whole.db"));
        let whole = std::fs::read(folder.path().join("whole.db")).unwrap();
        std::fs::write(folder.path().join("cut.db"), &whole[..3000]).unwrap();
        assert!(matches!(open("cut.db"), OpenError::Database { .. }));
        std::fs::create_dir(folder.path().join("folder.db")).unwrap();
        assert!(matches!(open("folder.db"), OpenError::Folder { .. }));
    }
}
