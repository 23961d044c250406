//! The journal's file: finding, locking, creating and checking it, and reading it back.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use super::connection::{connect, settle};
use super::error::{OpenError, damage, database, io_error, is_damage};
use super::identity::check_header;
use super::lock::{Lock, lock};
use super::private::{beside, create_private_file, create_private_folder};
use super::reading::{self, Limits};
use super::{rows, salvage, wal};
use crate::delivery::Kept;

/// What was found in a store.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest deliveries within the limits, oldest first.
    pub kept: Vec<Kept>,
    /// No id up to this one may be given again.
    pub last_id: u64,
    /// Ids of deliveries that an app is to get later.
    pub waiting: Vec<u64>,
    /// Ids of deliveries whose rows are not those that were written.
    pub damaged: Vec<u64>,
    /// How many attempts are not those that were written.
    pub damaged_attempts: u64,
    /// Where a damaged file was put aside.
    pub put_aside: Option<PathBuf>,
    /// Deliveries past the limits, which were deleted.
    pub trimmed: u64,
}

/// Opens or creates the store, takes its lock, reads the newest deliveries and reserves so
/// many ids beyond the last: written before the first is given, so that none is given again.
///
/// # Errors
/// Where it is in use, newer, something else, or cannot be read or written. A damaged
/// one is no error: it is put aside untouched, and what can be read goes into a new one.
pub fn open(
    path: &Path,
    durable: bool,
    limits: Limits,
    reserve: u64,
) -> Result<(Connection, Lock, Found), OpenError> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        create_private_folder(folder)?;
    }
    // The lock is for the file, under whatever name it is opened.
    let resolved = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() => fs::canonicalize(path).ok(),
        _ => None,
    };
    let path = resolved.as_deref().unwrap_or(path);
    // Before a lock file is left beside what can be no store.
    if path.is_dir() {
        return Err(OpenError::Folder {
            path: path.to_owned(),
        });
    }
    let (lock, doubted) = lock(path)?;
    let mut aside = None;
    if salvage::salvaged(path).exists() {
        aside = Some(salvage::swap(path)?);
    }
    let mut lost = salvage::Lost::default();
    let (db, found) = if let Some(opened) = open_sound(path, durable, limits, reserve, doubted)? {
        opened
    } else {
        lost = salvage::salvage(path)?;
        aside = Some(salvage::swap(path)?);
        begin(path, durable, limits, reserve, false)?
    };
    let mut found = Found {
        put_aside: aside,
        ..found
    };
    found.damaged.extend(lost.deliveries);
    found.damaged_attempts += lost.attempts;
    Ok((db, lock, found))
}

/// Opens a store if it is not damaged.
fn open_sound(
    path: &Path,
    durable: bool,
    limits: Limits,
    reserve: u64,
    doubted: bool,
) -> Result<Option<(Connection, Found)>, OpenError> {
    let odd = check_header(path)?;
    create_private_file(path)?;
    let wal = beside(path, "-wal");
    if odd || wal::is_damaged(&wal).map_err(io_error("read", &wal))? {
        return Ok(None);
    }
    match begin(path, durable, limits, reserve, doubted) {
        Err(OpenError::Database { cause, .. }) if is_damage(&cause) => Ok(None),
        result => result.map(Some),
    }
}

fn begin(
    path: &Path,
    durable: bool,
    limits: Limits,
    reserve: u64,
    doubted: bool,
) -> Result<(Connection, Found), OpenError> {
    let db = connect(path, durable)?;
    let found = || -> rusqlite::Result<Found> {
        if doubted || is_small(&db)? {
            check_all(&db)?;
        }
        let mut found = read(&db, limits)?;
        let transaction = db.unchecked_transaction()?;
        found.trimmed = trim(&db, &found)?;
        rows::reserve(&db, found.last_id + reserve)?;
        transaction.commit()?;
        settle(&db)?;
        Ok(found)
    };
    let found = found().map_err(database(path))?;
    Ok((db, found))
}

/// Whether checking all of it takes next to no time.
fn is_small(db: &Connection) -> rusqlite::Result<bool> {
    const PAGES: i64 = 4096;
    let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
    Ok(pages <= PAGES)
}

/// Checks what is not read at a start, such as the list of free pages.
fn check_all(db: &Connection) -> rusqlite::Result<()> {
    let result: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if result == "ok" {
        Ok(())
    } else {
        Err(damage())
    }
}

fn read(db: &Connection, limits: Limits) -> rusqlite::Result<Found> {
    let rows = reading::read(db, 0..=u64::MAX, limits)?;
    Ok(Found {
        kept: rows.kept,
        waiting: rows.waiting,
        last_id: last_id(db)?,
        damaged: rows.damaged,
        damaged_attempts: rows.damaged_attempts,
        ..Found::default()
    })
}

fn last_id(db: &Connection) -> rusqlite::Result<u64> {
    let newest: i64 = db.query_row("SELECT coalesce(max(id), 0) FROM deliveries", [], |r| {
        r.get(0)
    })?;
    let reserved: i64 = db.query_row(
        "SELECT coalesce((SELECT value FROM meta WHERE key='reserved'), 0)",
        [],
        |r| r.get(0),
    )?;
    Ok(newest.max(reserved).cast_unsigned())
}

/// Deletes what is older than what was read, and says how many that was.
fn trim(db: &Connection, found: &Found) -> rusqlite::Result<u64> {
    let Some(first) = found.kept.first().map(|k| k.delivery.id) else {
        return Ok(0);
    };
    // Usually there is nothing to do, and a write at every start is not nothing.
    let old: i64 = db.query_row(
        "SELECT count(*) FROM deliveries WHERE id < ?1",
        params![first.cast_signed()],
        |r| r.get(0),
    )?;
    if old > 0 {
        db.execute(
            "DELETE FROM deliveries WHERE id < ?1",
            params![first.cast_signed()],
        )?;
        db.execute(
            "DELETE FROM attempts WHERE id < ?1",
            params![rows::attempt_key(first, 0)],
        )?;
        for beside in [
            "DELETE FROM notes WHERE id < ?1",
            "DELETE FROM relays WHERE id < ?1",
        ] {
            db.execute(beside, params![first.cast_signed()])?;
        }
    }
    Ok(old.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Attempt, Cause, Delivery, Failure, FailureCode, Headers, Outcome};
    use crate::delivery::{Received, Verdict};
    use proptest::prelude::*;
    use std::sync::LazyLock;
    use std::time::Duration;

    const COUNT: u64 = 40;
    const LIMITS: Limits = Limits {
        count: 1000,
        weight: usize::MAX,
    };

    fn delivery(id: u64) -> Delivery {
        Delivery {
            id,
            request: Received {
                received_at: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: format!("/{id}").into(),
                headers: [("x-id", id.to_string())].into_iter().collect::<Headers>(),
                body: vec![u8::try_from(id).unwrap(); 200 * usize::try_from(id % 7).unwrap()]
                    .into(),
                event: Some("email.opened".into()),
                verdict: Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }
    }

    fn attempt(delivery: u64) -> Attempt {
        Attempt {
            delivery,
            n: 1,
            cause: Cause::Live,
            target: "http://localhost:3000/".into(),
            started_at: jiff::Timestamp::from_second(1_700_000_000).unwrap(),
            took: Duration::from_millis(3),
            outcome: Outcome::Failed(Failure {
                code: FailureCode::Refused,
                message: "nothing listens on localhost:3000".into(),
                hint: "is your app running?".into(),
            }),
        }
    }

    /// The main file and the WAL of a store whose first half is in the one and the rest in
    /// the other, as a kill leaves it.
    static FILES: LazyLock<(Vec<u8>, Vec<u8>)> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        let (db, _lock, _) = open(&path, false, LIMITS, 256).unwrap();
        for id in 1..=COUNT {
            rows::insert_delivery(&db, &delivery(id)).unwrap();
            rows::insert_attempt(&db, &attempt(id)).unwrap();
            if id == COUNT / 2 {
                let checkpoint = "PRAGMA wal_checkpoint(RESTART)";
                db.query_row(checkpoint, [], |_| Ok(())).unwrap();
            }
        }
        let wal = fs::read(beside(&path, "-wal")).unwrap();
        (fs::read(&path).unwrap(), wal)
    });

    /// What `open` makes of these files.
    fn opened(main: &[u8], wal: &[u8]) -> Result<Found, OpenError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.db");
        fs::write(&path, main).unwrap();
        fs::write(beside(&path, "-wal"), wal).unwrap();
        open(&path, false, LIMITS, 256).map(|(_, _, found)| found)
    }

    /// What is there is what was written, and if more than that is missing, it is known.
    fn check(found: &Found, may_miss: u64) {
        let mut last = 0;
        for kept in &found.kept {
            let id = kept.delivery.id;
            assert!(id > last, "{id} after {last}");
            last = id;
            assert_eq!(*kept.delivery, delivery(id));
            for kept in &kept.attempts {
                assert_eq!(**kept, attempt(id));
            }
        }
        let rows = found.kept.iter().map(|kept| 1 + kept.attempts.len() as u64);
        let missing = 2 * COUNT - rows.sum::<u64>();
        let damaged = !found.damaged.is_empty() || found.damaged_attempts > 0;
        let said = found.put_aside.is_some() || damaged;
        assert!(
            missing <= may_miss || said,
            "{missing} are missing, and nothing is said"
        );
        assert!(found.last_id >= last);
    }

    #[test]
    fn a_store_is_read_back() {
        let found = opened(&FILES.0, &FILES.1).unwrap();
        assert!(found.put_aside.is_none() && found.damaged.is_empty());
        assert_eq!((found.kept.len() as u64, found.last_id), (COUNT, 256));
        check(&found, 0);
    }

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Wrong {
        Flipped { bit: u8 },
        Filled { with: u8, length: usize },
        CutOff,
    }

    fn wrong() -> impl Strategy<Value = Wrong> {
        prop_oneof![
            (0..8u8).prop_map(|bit| Wrong::Flipped { bit }),
            (any::<u8>(), 2..600usize).prop_map(|(with, length)| Wrong::Filled { with, length }),
            Just(Wrong::CutOff),
        ]
    }

    fn make_wrong(file: &mut Vec<u8>, at: usize, wrong: Wrong) {
        match wrong {
            Wrong::Flipped { bit } => file[at] ^= 1 << bit,
            Wrong::Filled { with, length } => {
                let end = (at + length).min(file.len());
                file[at..end].fill(with);
            }
            Wrong::CutOff => file.truncate(at),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_broken_main_file_is_never_read_wrong(
            wrong in wrong(),
            at in any::<prop::sample::Index>(),
        ) {
            let (mut main, wal) = FILES.clone();
            make_wrong(&mut main, at.index(FILES.0.len()), wrong);
            match opened(&main, &wal) {
                Ok(found) => check(&found, 0),
                Err(error) => {
                    // Only where it is not to be recognised any more.
                    let known = main.len() >= 72 && main[..100] == FILES.0[..100];
                    prop_assert!(!known, "{error}");
                }
            }
        }

        #[test]
        fn a_broken_wal_is_never_read_wrong(
            wrong in wrong(),
            at in any::<prop::sample::Index>(),
        ) {
            let (main, mut wal) = FILES.clone();
            make_wrong(&mut wal, at.index(FILES.1.len()), wrong);
            let found = opened(&main, &wal).unwrap();
            if wrong == Wrong::CutOff {
                // As after a kill: of what is behind the end nothing is known.
                let kept = found.kept.iter().map(|kept| kept.delivery.id);
                prop_assert!(kept.eq(1..=found.kept.len() as u64));
            } else {
                // Nor of the last commits, of which any may just not have been whole. What is
                // filled in reaches over two.
                check(&found, 2);
            }
        }
    }
}
