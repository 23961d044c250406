//! How deliveries came through a relay, as rows of the journal. Those that came in at the
//! local door have none, so that writing them costs no more than without this table.

use std::collections::HashMap;

use jiff::Timestamp;
use rusqlite::{Connection, Row, params};

use crate::delivery::Relayed;

/// The table that layout 3 added.
pub(super) const SCHEMA: &str = "
    CREATE TABLE relays (
        id          INTEGER PRIMARY KEY,  -- the delivery's
        relay_id    TEXT NOT NULL,        -- the relay's own id of it
        queued_at   INTEGER,              -- microseconds since 1970 UTC, where it waited
        repeats     INTEGER NOT NULL,
        crc         INTEGER NOT NULL      -- CRC-32 of the row
    );
";

/// A row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayRow {
    /// What the relay said of the delivery.
    pub relayed: Box<Relayed>,
    /// How often the relay handed it on again.
    pub repeats: u32,
}

impl RelayRow {
    fn queued_at(&self) -> Option<i64> {
        self.relayed.queued_at.map(Timestamp::as_microsecond)
    }

    fn crc(&self, delivery: u64) -> u32 {
        let mut crc = crc32fast::Hasher::new();
        crc.update(&delivery.to_le_bytes());
        crc.update(&self.repeats.to_le_bytes());
        let queued_at = self.queued_at();
        crc.update(&[u8::from(queued_at.is_some())]);
        crc.update(&queued_at.unwrap_or(0).to_le_bytes());
        // The last one, so that its length needs no place of its own.
        crc.update(self.relayed.id.as_bytes());
        crc.finalize()
    }
}

/// Writes the row of a delivery that has just come in. One that is there stays: it counts
/// more repeats, and the delivery is only written again after a failure.
pub(super) fn insert(db: &Connection, delivery: u64, relayed: &Relayed) -> rusqlite::Result<()> {
    let row = RelayRow {
        relayed: Box::new(relayed.clone()),
        repeats: 0,
    };
    execute(db, "INSERT OR IGNORE", delivery, &row)
}

/// Writes a row in the place of the one before.
pub(super) fn write(db: &Connection, delivery: u64, row: &RelayRow) -> rusqlite::Result<()> {
    execute(db, "INSERT OR REPLACE", delivery, row)
}

fn execute(db: &Connection, how: &str, delivery: u64, row: &RelayRow) -> rusqlite::Result<()> {
    db.prepare_cached(&format!("{how} INTO relays VALUES (?1,?2,?3,?4,?5)"))?
        .execute(params![
            delivery.cast_signed(),
            row.relayed.id,
            row.queued_at(),
            row.repeats,
            row.crc(delivery),
        ])?;
    Ok(())
}

/// The rows of deliveries from `first` on. Those that are damaged or that a store of an
/// older layout cannot have are left out: no delivery depends on them.
pub(super) fn read(db: &Connection, first: u64) -> HashMap<u64, RelayRow> {
    let read = || -> rusqlite::Result<HashMap<u64, RelayRow>> {
        let mut statement =
            db.prepare("SELECT id, relay_id, queued_at, repeats, crc FROM relays WHERE id >= ?1")?;
        let rows = statement.query_map(params![first.cast_signed()], row_of)?;
        Ok(rows.filter_map(Result::ok).flatten().collect())
    };
    read().unwrap_or_default()
}

fn row_of(row: &Row<'_>) -> rusqlite::Result<Option<(u64, RelayRow)>> {
    let delivery = row.get::<_, i64>(0)?.cast_unsigned();
    let queued_at = row.get::<_, Option<i64>>(2)?;
    let found = RelayRow {
        relayed: Box::new(Relayed {
            id: row.get_ref(1)?.as_str()?.into(),
            queued_at: queued_at.and_then(|at| Timestamp::from_microsecond(at).ok()),
        }),
        repeats: row.get(3)?,
    };
    let crc: u32 = row.get(4)?;
    Ok((found.crc(delivery) == crc).then_some((delivery, found)))
}

/// Brings a store of layout 2 to layout 3.
pub(super) fn upgrade(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch(&format!(
        "BEGIN IMMEDIATE; {SCHEMA} PRAGMA user_version=3; COMMIT;"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn row() -> impl Strategy<Value = RelayRow> {
        let (first, last) = (
            Timestamp::MIN.as_microsecond(),
            Timestamp::MAX.as_microsecond(),
        );
        (".{0,60}", proptest::option::of(first..=last), any::<u32>()).prop_map(
            |(id, queued_at, repeats)| RelayRow {
                relayed: Box::new(Relayed {
                    id: id.into(),
                    queued_at: queued_at.map(|at| Timestamp::from_microsecond(at).unwrap()),
                }),
                repeats,
            },
        )
    }

    fn database() -> Connection {
        let db = Connection::open_in_memory().unwrap();
        assert!(read(&db, 0).is_empty(), "a store of layout 2");
        db.execute_batch(SCHEMA).unwrap();
        db
    }

    proptest! {
        #[test]
        fn any_row_comes_back_from_its_delivery_on(row in row(), id in 1..1_u64 << 42) {
            let db = database();
            write(&db, id, &row).unwrap();
            prop_assert!(read(&db, id + 1).is_empty());
            prop_assert_eq!(read(&db, id), HashMap::from([(id, row.clone())]));
            insert(&db, id, &row.relayed).unwrap();
            prop_assert_eq!(read(&db, 0), HashMap::from([(id, row)]));
        }

        /// Whatever the type and value of what is in a column, the row is known to be wrong.
        #[test]
        fn no_changed_column_passes(
            row in row(),
            column in prop::sample::select(&["id", "relay_id", "queued_at", "repeats", "crc"][..]),
            value in prop::sample::select(&["1", "-1", "2.5", "'text'", "x'ff00'", "''", "NULL"][..]),
        ) {
            let db = database();
            write(&db, 7, &row).unwrap();
            let sql = format!("UPDATE relays SET {column}={value} WHERE {column} IS NOT {value}");
            // Some columns refuse some types by themselves.
            if matches!(db.execute(&sql, []), Ok(1)) {
                let read = read(&db, 0);
                prop_assert!(read.is_empty(), "{read:?}");
            }
        }
    }
}
