//! The relay's database: finding out whether it is one, making it, opening it.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::data::DataError;
use crate::files;
use crate::store::is_damage;

/// Its name in the data folder.
pub(super) const FILE: &str = "relay.db";

/// "cmhr" in ASCII, in the file's header.
const APPLICATION_ID: i32 = 0x636d_6872;

/// Grows with each change of the tables.
pub(super) const LAYOUT: i32 = 1;

/// Times are microseconds since 1970. A token's text is nowhere; names are in the order in
/// which they were bound, and deliveries in that in which they came in.
const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
INSERT INTO meta VALUES ('generation', 0);
CREATE TABLE tokens (
    id TEXT PRIMARY KEY,
    label TEXT NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    revoked_at INTEGER
);
CREATE UNIQUE INDEX tokens_label ON tokens (label) WHERE revoked_at IS NULL;
CREATE TABLE names (
    name TEXT PRIMARY KEY,
    token TEXT NOT NULL,
    bound_at INTEGER NOT NULL,
    released_at INTEGER
);
CREATE TABLE queue (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    size INTEGER NOT NULL,
    peer TEXT NOT NULL,
    scheme TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    headers BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX queue_name ON queue (name, seq);
CREATE INDEX queue_age ON queue (received_at);
";

/// How often it is tried again to make it while another process does so: SQLite does not
/// wait by itself for the mode of a journal to change.
const BUSY_TRIES: u32 = 250;

/// Opens it for reading and writing, and makes it where there is none.
pub(super) fn open(path: &Path) -> Result<Connection, DataError> {
    check_header(path)?;
    match files::create_new(path) {
        Ok(_) => sync_folder(path).map_err(DataError::io("create", path))?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(DataError::io("create", path)(error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags).map_err(database(path))?;
    prepare(&db, path)?;
    Ok(db)
}

/// Has a new file's name survive a power cut too.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

/// Looks at the first bytes before SQLite does, so that a file that is not a relay's, or a
/// newer one, stays exactly as it is.
fn check_header(path: &Path) -> Result<(), DataError> {
    let mut header = Vec::new();
    match File::open(path) {
        Ok(file) => file.take(105).read_to_end(&mut header),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => Err(error),
    }
    .map_err(DataError::io("read", path))?;
    if header.is_empty() {
        return Ok(());
    }
    let number = |at: usize| {
        let bytes = header.get(at..at + 4).and_then(|b| b.try_into().ok());
        bytes.map_or(0, i32::from_be_bytes)
    };
    let (layout, application) = (number(60), number(68));
    // One that was killed while it was being made has its tables in the WAL still.
    let bare = application == 0 && header.get(103..105) == Some(&[0, 0]);
    if !header.starts_with(b"SQLite format 3\0") || (application != APPLICATION_ID && !bare) {
        return Err(DataError::NotOurs(path.to_owned()));
    }
    if application == APPLICATION_ID && layout > LAYOUT {
        return Err(DataError::Newer {
            path: path.to_owned(),
            found: layout,
        });
    }
    Ok(())
}

fn prepare(db: &Connection, path: &Path) -> Result<(), DataError> {
    let database = database(path);
    db.busy_timeout(Duration::from_secs(10))
        .map_err(&database)?;
    // Until it is known that it is a relay's, nothing in it should move.
    let keep_wal = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    db.set_db_config(keep_wal, true).map_err(&database)?;
    let facts = || -> rusqlite::Result<(i32, i32, i64)> {
        // All of one moment: another process may be making it.
        let db = db.unchecked_transaction()?;
        Ok((
            db.pragma_query_value(None, "application_id", |row| row.get(0))?,
            db.pragma_query_value(None, "user_version", |row| row.get(0))?,
            db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?,
        ))
    };
    let mut tries = 0..BUSY_TRIES;
    loop {
        match facts().map_err(&database)? {
            (APPLICATION_ID, found, _) if found > LAYOUT => {
                return Err(DataError::Newer {
                    path: path.to_owned(),
                    found,
                });
            }
            (APPLICATION_ID, ..) => break,
            (0, _, 0) => match make(db) {
                Err(error) if is_busy(&error) && tries.next().is_some() => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                made => made.map_err(&database)?,
            },
            _ => return Err(DataError::NotOurs(path.to_owned())),
        }
    }
    let settings = || -> rusqlite::Result<()> {
        // What was acknowledged must survive a power cut too.
        db.pragma_update(None, "synchronous", "full")?;
        db.pragma_update(None, "journal_size_limit", 64 << 20)?;
        db.set_db_config(keep_wal, false)?;
        Ok(())
    };
    settings().map_err(&database)
}

fn is_busy(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// Makes the tables, unless another process has done so meanwhile.
fn make(db: &Connection) -> rusqlite::Result<()> {
    // Pages that become free can be given back; this has to be said before the first table.
    db.pragma_update(None, "auto_vacuum", "incremental")?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.execute_batch("BEGIN IMMEDIATE")?;
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        db.execute_batch(&format!(
            "{SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={LAYOUT};"
        ))?;
    }
    db.execute_batch("COMMIT")
}

/// Checks the whole of one that is small enough for that to take no time.
pub(super) fn check(db: &Connection, path: &Path) -> Result<(), DataError> {
    const PAGES: i64 = 4096;
    let sound = || -> rusqlite::Result<bool> {
        let pages: i64 = db.pragma_query_value(None, "page_count", |row| row.get(0))?;
        if pages > PAGES {
            return Ok(true);
        }
        let said: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
        Ok(said == "ok")
    };
    match sound() {
        Ok(true) => Ok(()),
        Ok(false) => Err(DataError::Damaged(path.to_owned())),
        Err(error) => Err(database(path)(error)),
    }
}

pub(super) fn database(path: &Path) -> impl Fn(rusqlite::Error) -> DataError + '_ {
    move |cause| {
        if is_damage(&cause) {
            DataError::Damaged(path.to_owned())
        } else {
            DataError::Database {
                path: path.to_owned(),
                cause,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_relays_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        for bytes in [&b"hello"[..], &[0; 4096]] {
            std::fs::write(&path, bytes).unwrap();
            assert!(matches!(open(&path), Err(DataError::NotOurs(_))));
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
        std::fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE a (b)").unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(&path), Err(DataError::NotOurs(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn a_newer_one_is_refused_and_an_empty_file_is_made_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::fs::write(&path, b"").unwrap();
        let db = open(&path).unwrap();
        check(&db, &path).unwrap();
        // FULL, so that a commit is on the disk when it returns.
        let full = db.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0));
        assert_eq!(full, Ok(2));
        let mode = db.pragma_query_value(None, "journal_mode", |row| row.get::<_, String>(0));
        assert_eq!(mode.as_deref(), Ok("wal"));
        db.pragma_update(None, "user_version", LAYOUT + 1).unwrap();
        drop(db);
        assert!(matches!(open(&path), Err(DataError::Newer { found, .. }) if found == LAYOUT + 1));
    }

    #[test]
    fn several_make_one_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| open(&path).unwrap());
            }
        });
    }
}
