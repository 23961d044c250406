//! What is known of a delivery beside what came in: that it is an edited copy, that the user
//! has marked it, and that an app is still to get it. Most deliveries have no such row. And what is known of the store
//! itself: where its last listener forwarded to.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension as _, params};

/// The tables that layout 2 added.
pub(super) const SCHEMA: &str = "
    CREATE TABLE notes (
        id          INTEGER PRIMARY KEY,  -- the delivery's
        original    INTEGER,              -- the delivery that it is an edited copy of
        marked      INTEGER NOT NULL,     -- 1 where it is, and 2 more where an app is to get it
        crc         INTEGER NOT NULL      -- CRC-32 of the row
    );
    CREATE TABLE texts (key TEXT PRIMARY KEY, value TEXT NOT NULL);
";

/// A row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Note {
    /// The delivery that it is an edited copy of.
    pub original: Option<u64>,
    /// Whether the user has marked it.
    pub marked: bool,
    /// Whether an app is to get it later; once it was tried, that says nothing any more.
    pub waits: bool,
}

const MARKED: u64 = 1;
const WAITS: u64 = 2;

impl Note {
    const fn is_empty(self) -> bool {
        self.original.is_none() && self.flags() == 0
    }

    const fn flags(self) -> u64 {
        (if self.marked { MARKED } else { 0 }) | (if self.waits { WAITS } else { 0 })
    }

    fn crc(self, id: u64) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        for number in [id, self.original.unwrap_or(0), self.flags()] {
            crc.update(&number.to_le_bytes());
        }
        crc.finalize()
    }
}

/// Writes the note of a delivery; one that says nothing is taken away.
pub(super) fn write(db: &Connection, id: u64, note: Note) -> rusqlite::Result<()> {
    if note.is_empty() {
        db.prepare_cached("DELETE FROM notes WHERE id = ?1")?
            .execute(params![id.cast_signed()])?;
        return Ok(());
    }
    db.prepare_cached("INSERT OR REPLACE INTO notes VALUES (?1,?2,?3,?4)")?
        .execute(params![
            id.cast_signed(),
            note.original.map(u64::cast_signed),
            note.flags().cast_signed(),
            note.crc(id),
        ])?;
    Ok(())
}

/// The notes of deliveries from `first` on. Those that are damaged or that a store of an
/// older layout cannot have are left out: no delivery depends on them.
pub(super) fn read(db: &Connection, first: u64) -> HashMap<u64, Note> {
    let mut found = HashMap::new();
    let read = || -> rusqlite::Result<Vec<(u64, Note, u32)>> {
        let mut statement =
            db.prepare("SELECT id, original, marked, crc FROM notes WHERE id >= ?1")?;
        let rows = statement.query_map(params![first.cast_signed()], |row| {
            let id = row.get::<_, i64>(0)?.cast_unsigned();
            let flags = row.get::<_, i64>(2)?.cast_unsigned();
            let note = Note {
                original: row.get::<_, Option<i64>>(1)?.map(i64::cast_unsigned),
                marked: flags & MARKED != 0,
                waits: flags & WAITS != 0,
            };
            Ok((id, note, row.get(3)?))
        })?;
        Ok(rows.filter_map(Result::ok).collect())
    };
    for (id, note, crc) in read().unwrap_or_default() {
        if note.crc(id) == crc {
            found.insert(id, note);
        }
    }
    found
}

/// Remembers a text about the store.
pub(super) fn write_text(db: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    db.prepare_cached("INSERT OR REPLACE INTO texts VALUES (?1,?2)")?
        .execute(params![key, value])?;
    Ok(())
}

/// A text that was remembered.
pub(super) fn read_text(db: &Connection, key: &str) -> Option<String> {
    db.query_row(
        "SELECT value FROM texts WHERE key = ?1",
        params![key],
        |row| row.get(0),
    )
    .optional()
    .ok()
    .flatten()
}

/// Brings a store of layout 1 to layout 2.
pub(super) fn upgrade(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version=2; COMMIT;"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_unless_it_is_damaged_or_empty() {
        let db = Connection::open_in_memory().unwrap();
        assert!(read(&db, 0).is_empty(), "a store of layout 1");
        db.execute_batch(SCHEMA).unwrap();
        let note = Note {
            original: Some(7),
            marked: true,
            waits: false,
        };
        write(&db, 9, note).unwrap();
        write(&db, 10, note).unwrap();
        write(&db, 10, Note::default()).unwrap();
        assert_eq!(read(&db, 0), HashMap::from([(9, note)]));
        for (id, marked) in [(11, false), (12, true)] {
            let note = Note {
                original: None,
                marked,
                waits: true,
            };
            write(&db, id, note).unwrap();
            assert_eq!(read(&db, id).get(&id), Some(&note));
            write(&db, id, Note::default()).unwrap();
        }
        assert!(read(&db, 10).is_empty());
        db.execute("UPDATE notes SET original = 8", []).unwrap();
        assert!(read(&db, 0).is_empty());
    }

    #[test]
    fn the_last_text_is_remembered() {
        let db = Connection::open_in_memory().unwrap();
        assert_eq!(read_text(&db, "target"), None);
        db.execute_batch(SCHEMA).unwrap();
        write_text(&db, "target", "a").unwrap();
        write_text(&db, "target", "b").unwrap();
        assert_eq!(read_text(&db, "target").as_deref(), Some("b"));
    }
}
