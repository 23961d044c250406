//! The sandbox's database: a file, or memory.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::files::{self, FileError};

/// "cmhs" in ASCII, in the file's header.
const APPLICATION_ID: i32 = 0x636d_6873;
/// Grows with each change of the tables.
const LAYOUT: i32 = 1;

/// Times are milliseconds since 1970, except for `archived_at`, which is in seconds as the API
/// has it.
const SCHEMA: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL);
CREATE TABLE webhooks (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account INTEGER NOT NULL,
    event TEXT NOT NULL,
    url TEXT NOT NULL,
    key TEXT NOT NULL,
    archived_at INTEGER,
    rate_limit INTEGER NOT NULL,
    rate_period TEXT NOT NULL
);
CREATE TABLE tokens (
    token TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE TABLE deliveries (
    n INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    event_id TEXT NOT NULL,
    event TEXT NOT NULL,
    webhook TEXT NOT NULL,
    account INTEGER NOT NULL,
    scheme TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    status TEXT NOT NULL,
    next_at INTEGER
);
CREATE INDEX deliveries_status ON deliveries (status, webhook);
CREATE TABLE tries (
    delivery INTEGER NOT NULL,
    n INTEGER NOT NULL,
    url TEXT NOT NULL,
    signature TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    took INTEGER NOT NULL,
    status INTEGER,
    error TEXT,
    message TEXT,
    answer BLOB NOT NULL,
    next_at INTEGER,
    PRIMARY KEY (delivery, n)
) WITHOUT ROWID;
";

/// Why the sandbox's state cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The folder or the file cannot be made.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// The file cannot be made.
    #[error("cannot write `{}`", .0.display())]
    File(PathBuf, #[source] io::Error),
    /// Another sandbox has it.
    #[error("`{}` is in use by another sandbox", .0.display())]
    InUse(PathBuf),
    /// It holds something else.
    #[error("`{}` is not a sandbox's file", .0.display())]
    NotOurs(PathBuf),
    /// A newer cmhook made it.
    #[error("`{}` was made by a newer cmhook", .0.display())]
    Newer(PathBuf),
    /// It is no file, such as a folder.
    #[error("`{}` is not a file", .0.display())]
    NotAFile(PathBuf),
    /// It may be read only.
    #[error("`{}` cannot be written", .0.display())]
    ReadOnly(PathBuf),
    /// It was a sandbox's.
    #[error("`{}` is damaged", .0.display())]
    Damaged(PathBuf),
    /// SQLite refuses.
    #[error("cannot use the sandbox's state")]
    Database(#[from] rusqlite::Error),
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random,
}

impl SandboxError {
    /// For programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Folder(_) | Self::File(..) | Self::NotAFile(_) | Self::ReadOnly(_) => "file",
            Self::Damaged(_) => "sandbox_damaged",
            Self::InUse(_) => "sandbox_in_use",
            Self::NotOurs(_) => "not_a_sandbox",
            Self::Newer(_) => "sandbox_newer",
            Self::Database(_) | Self::Random => "sandbox",
        }
    }

    /// What to do.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::InUse(_) => {
                "stop that one, or give this one a file of its own with `--data FILE` or `--ephemeral`"
            }
            Self::NotOurs(_) => "choose another file with `--data FILE`; this one was not touched",
            Self::Newer(_) => "update cmhook, or use another file with `--data FILE`",
            Self::NotAFile(_) => {
                "name a file with `--data FILE`, which is made where there is none"
            }
            Self::Damaged(_) => {
                "delete it, or name another with `--data FILE`; this one was not touched"
            }
            Self::Random => "",
            _ => {
                "check the folder's permissions and the disk's space, or choose another place with `--data FILE` or `--ephemeral`"
            }
        }
    }
}

/// Opens the file, made where there is none, or memory.
pub(super) fn open(path: Option<&Path>) -> Result<Connection, SandboxError> {
    let Some(path) = path else {
        let db = Connection::open_in_memory()?;
        db.execute_batch(SCHEMA)?;
        return Ok(db);
    };
    if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(SandboxError::NotAFile(path.to_owned()));
    }
    files::create_parent(path)?;
    match files::create_new(path) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(SandboxError::File(path.to_owned(), error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    prepare(&db, path).map_err(|error| match error {
        SandboxError::Database(cause) => match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                SandboxError::InUse(path.to_owned())
            }
            Some(ErrorCode::DatabaseCorrupt) => SandboxError::Damaged(path.to_owned()),
            Some(ErrorCode::ReadOnly) => SandboxError::ReadOnly(path.to_owned()),
            Some(ErrorCode::NotADatabase) => SandboxError::NotOurs(path.to_owned()),
            _ => SandboxError::Database(cause),
        },
        other => other,
    })?;
    Ok(db)
}

fn prepare(db: &Connection, path: &Path) -> Result<(), SandboxError> {
    // One that has just been stopped may be closing it still.
    db.busy_timeout(Duration::from_millis(500))?;
    // Kept until it is closed, so that no second sandbox delivers the same.
    db.pragma_update(None, "locking_mode", "exclusive")?;
    let number = |name: &str| db.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (number("application_id")?, number("user_version")?, tables) {
        (APPLICATION_ID, found, _) if found > LAYOUT => {
            return Err(SandboxError::Newer(path.to_owned()));
        }
        (APPLICATION_ID, ..) | (0, _, 0) => {}
        _ => return Err(SandboxError::NotOurs(path.to_owned())),
    }
    // Before anything is written into it.
    let check: String = db.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if check != "ok" {
        return Err(SandboxError::Damaged(path.to_owned()));
    }
    db.pragma_update(None, "journal_mode", "wal")?;
    // Survives `kill -9`, which is what it is for; a power cut may take the last moments.
    db.pragma_update(None, "synchronous", "normal")?;
    db.pragma_update(None, "journal_size_limit", 16 << 20)?;
    // Takes the lock even where nothing has to be made.
    db.execute_batch("BEGIN IMMEDIATE")?;
    if tables == 0 {
        db.execute_batch(&format!(
            "{SCHEMA} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={LAYOUT};"
        ))?;
    }
    db.execute_batch("COMMIT")?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_a_sandboxs_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        std::fs::write(&path, "hello, this is no database at all").unwrap();
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(Some(&path)), Err(SandboxError::NotOurs(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
        std::fs::remove_file(&path).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE a (b)").unwrap();
        drop(other);
        let before = std::fs::read(&path).unwrap();
        assert!(matches!(open(Some(&path)), Err(SandboxError::NotOurs(_))));
        assert_eq!(std::fs::read(&path).unwrap(), before);
    }

    #[test]
    fn one_at_a_time_has_it_and_a_newer_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/sandbox.db");
        let first = open(Some(&path)).unwrap();
        assert!(matches!(open(Some(&path)), Err(SandboxError::InUse(_))));
        first
            .pragma_update(None, "user_version", LAYOUT + 1)
            .unwrap();
        drop(first);
        assert!(matches!(open(Some(&path)), Err(SandboxError::Newer(_))));
    }

    #[test]
    fn a_damaged_one_stays_as_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let db = open(Some(&path)).unwrap();
        db.execute_batch(
            "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 2000)
             INSERT INTO tokens SELECT 'token' || n, 'access', 0 FROM n",
        )
        .unwrap();
        drop(db);
        let whole = std::fs::read(&path).unwrap();
        let mut cut = whole.clone();
        cut.truncate(whole.len() / 2 / 4096 * 4096);
        let mut zeroed = whole.clone();
        zeroed[4096..8192].fill(0);
        let mut scratched = whole.clone();
        let middle = whole.len() / 2;
        scratched[middle / 4096 * 4096..][..64].fill(0xff);
        let mut no_tables = whole.clone();
        no_tables[100..200].fill(0xee);
        for damaged in [cut, zeroed, scratched, no_tables] {
            std::fs::write(&path, &damaged).unwrap();
            let error = open(Some(&path)).unwrap_err();
            assert!(matches!(error, SandboxError::Damaged(_)), "{error:?}");
            assert_eq!(std::fs::read(&path).unwrap(), damaged);
        }
        std::fs::write(&path, &whole).unwrap();
        open(Some(&path)).unwrap();
        assert!(matches!(
            open(Some(folder.path())),
            Err(SandboxError::NotAFile(_))
        ));
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_the_user_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sandbox.db");
        let _db = open(Some(&path)).unwrap();
        for entry in std::fs::read_dir(folder.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
}
