//! The journal's file: finding, locking, creating and checking it, reading it back,
//! and saving what can be read when it is damaged.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, ErrorCode, OpenFlags, params};

use super::ring::Kept;
use super::rows;
use crate::delivery::{Attempt, Delivery};

/// "cmhk" in ASCII, in the file's header so that `file` and we know it.
const APPLICATION_ID: i32 = 0x636d_686b;
/// The layout that this version reads and writes.
const LAYOUT: i32 = 1;

/// Why a store cannot be used. Nothing was changed in any of these cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// Another process has it.
    #[error("the store `{path}` is in use by {holder}")]
    InUse {
        /// The file.
        path: PathBuf,
        /// Which process, as far as it is known.
        holder: String,
    },
    /// A newer cmhook wrote it.
    #[error("the store `{path}` has layout {found}, and this cmhook knows layout {LAYOUT}")]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout in the file.
        found: i32,
    },
    /// Some other file.
    #[error("`{path}` is not a cmhook store")]
    NotAStore {
        /// The file.
        path: PathBuf,
    },
    /// The operating system said no.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite said no.
    #[error("cannot open the store `{path}`")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
}

/// The sole right to write a store, until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

/// What was found in a store.
#[derive(Debug, Default)]
pub struct Found {
    /// The newest deliveries within the limits, oldest first.
    pub kept: Vec<Kept>,
    /// No id up to this one may be given again.
    pub last_id: u64,
    /// Ids of deliveries whose bytes are not those that were written.
    pub damaged: Vec<u64>,
    /// Where a damaged file was put aside.
    pub put_aside: Option<PathBuf>,
    /// Deliveries past the limits, which were deleted.
    pub trimmed: u64,
}

/// How much to read back.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Deliveries.
    pub count: usize,
    /// Bytes of them.
    pub weight: usize,
}

/// Opens or creates the store, takes its lock and reads the newest deliveries.
///
/// # Errors
/// Where it is in use, newer, something else, or cannot be read or written. A damaged
/// one is no error: it is put aside untouched, and what can be read goes into a new one.
pub fn open(
    path: &Path,
    durable: bool,
    limits: Limits,
) -> Result<(Connection, Lock, Found), OpenError> {
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        create_private_folder(folder)?;
    }
    let lock = lock(path)?;
    check_header(path)?;
    create_private_file(path)?;
    let database = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    let attempt = connect(path, durable).and_then(|db| Ok((read(&db, limits)?, db)));
    let (mut found, db) = match attempt {
        Ok((found, db)) => (found, db),
        Err(error) if is_damage(&error) => salvage(path, durable, limits)?,
        Err(error) => return Err(database(error)),
    };
    let found_layout: i32 = db
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(database)?;
    if found_layout > LAYOUT {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: found_layout,
        });
    }
    found.trimmed = trim(&db, &found).map_err(database)?;
    Ok((db, lock, found))
}

/// Whether the error means that the file's contents are broken.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

fn io_error<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}

fn create_private_folder(folder: &Path) -> Result<(), OpenError> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|f| !f.as_os_str().is_empty()) {
        create_private_folder(parent)?;
    }
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {
            return Ok(());
        }
        result => result.map_err(io_error("create the folder", folder))?,
    }
    restrict(folder, 0o700)
}

/// Sets the mode outright, since a umask can take away from it but also leave too much.
fn restrict(path: &Path, mode: u32) -> Result<(), OpenError> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(io_error("set the permissions of", path))?;
    }
    #[cfg(not(unix))]
    let _ = (path, mode);
    Ok(())
}

fn private_options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options
}

fn create_private_file(path: &Path) -> Result<(), OpenError> {
    match private_options().create_new(true).open(path) {
        Ok(_) => restrict(path, 0o600),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(io_error("create the store", path)(error)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// Takes the lock in `PATH.lock` and writes this process's id into it.
fn lock(path: &Path) -> Result<Lock, OpenError> {
    let lock_path = beside(path, ".lock");
    let mut file = private_options()
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(io_error("open the lock file", &lock_path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut pid = String::new();
            let _ = file.read_to_string(&mut pid);
            return Err(OpenError::InUse {
                path: path.to_owned(),
                holder: holder(pid.trim()),
            });
        }
        Err(fs::TryLockError::Error(source)) => {
            return Err(io_error("lock", &lock_path)(source));
        }
    }
    restrict(&lock_path, 0o600)?;
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write the lock file", &lock_path))?;
    Ok(Lock(file))
}

fn holder(pid: &str) -> String {
    let Ok(pid) = pid.parse::<u32>() else {
        return "another process".into();
    };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim().escape_debug()),
        Err(_) => format!("process {pid}"),
    }
}

/// Looks at the first bytes before SQLite does, so that a file that is not ours, or a
/// newer one, stays exactly as it is.
fn check_header(path: &Path) -> Result<(), OpenError> {
    let mut header = [0; 72];
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(io_error("open the store", path)(error)),
    };
    let not_ours = || OpenError::NotAStore {
        path: path.to_owned(),
    };
    let length = file.metadata().map_err(io_error("read", path))?.len();
    if length == 0 {
        return Ok(());
    }
    match file.read_exact(&mut header) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(not_ours()),
        Err(error) => return Err(io_error("read the store", path)(error)),
    }
    let number = |at: usize| {
        i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    // A store killed while it was being made has its tables in the WAL still, and a
    // bare first page.
    let (layout, application) = (number(60), number(68));
    if !header.starts_with(b"SQLite format 3\0")
        || (application != APPLICATION_ID && application != 0)
    {
        return Err(not_ours());
    }
    if layout > LAYOUT {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: layout,
        });
    }
    Ok(())
}

fn connect(path: &Path, durable: bool) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(std::time::Duration::from_secs(2))?;
    db.pragma_update(None, "journal_mode", "wal")?;
    db.pragma_update(None, "synchronous", if durable { "full" } else { "normal" })?;
    // The writer thread checkpoints by itself, between batches.
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    db.pragma_update(None, "journal_size_limit", 256 << 20)?;
    let application: i32 = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i32 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if layout == 0 {
        let tables: i64 = db.query_row("SELECT count(*) FROM sqlite_schema", [], |r| r.get(0))?;
        if application == 0 && tables == 0 {
            db.execute_batch(&format!(
                "BEGIN IMMEDIATE; {} PRAGMA application_id={APPLICATION_ID}; PRAGMA user_version={LAYOUT}; COMMIT;",
                rows::SCHEMA
            ))?;
        }
    }
    Ok(db)
}

/// Reads the newest deliveries within the limits.
fn read(db: &Connection, limits: Limits) -> rusqlite::Result<Found> {
    let mut found = Found {
        last_id: last_id(db)?,
        ..Found::default()
    };
    let mut newest_first: Vec<Kept> = Vec::new();
    let mut weight = 0;
    {
        let sql = format!(
            "SELECT {} FROM deliveries ORDER BY id DESC LIMIT ?1",
            rows::DELIVERY_COLUMNS
        );
        let mut statement = db.prepare(&sql)?;
        let mut reading =
            statement.query(params![i64::try_from(limits.count).unwrap_or(i64::MAX)])?;
        while let Some(row) = reading.next()? {
            match rows::delivery_of(row)? {
                Ok(delivery) => {
                    weight += delivery.request.weight();
                    if weight > limits.weight && !newest_first.is_empty() {
                        break;
                    }
                    newest_first.push(Kept {
                        delivery: Arc::new(delivery),
                        attempts: Vec::new(),
                    });
                }
                Err(id) => found.damaged.push(id),
            }
        }
    }
    newest_first.reverse();
    found.kept = newest_first;
    let first = found.kept.first().map_or(u64::MAX >> 21, |k| k.delivery.id);
    let sql = format!(
        "SELECT {} FROM attempts WHERE id >= ?1 ORDER BY id",
        rows::ATTEMPT_COLUMNS
    );
    let mut statement = db.prepare(&sql)?;
    let mut reading = statement.query(params![rows::attempt_key(first, 0)])?;
    let mut at = 0;
    while let Some(row) = reading.next()? {
        let attempt = rows::attempt_of(row)?;
        while found
            .kept
            .get(at)
            .is_some_and(|k| k.delivery.id < attempt.delivery)
        {
            at += 1;
        }
        if let Some(kept) = found.kept.get_mut(at)
            && kept.delivery.id == attempt.delivery
        {
            kept.attempts.push(Arc::new(attempt));
        }
    }
    Ok(found)
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
    }
    Ok(old.cast_unsigned())
}

/// Puts a damaged file aside, untouched, and copies what can be read into a new one.
fn salvage(path: &Path, durable: bool, limits: Limits) -> Result<(Found, Connection), OpenError> {
    let database = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    let aside = beside(
        path,
        &format!(
            ".damaged-{}",
            jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ")
        ),
    );
    for suffix in ["", "-wal"] {
        let (from, to) = (beside(path, suffix), beside(&aside, suffix));
        if from.exists() {
            fs::rename(&from, &to).map_err(io_error("put aside the damaged store", &from))?;
        }
    }
    // The index of the WAL; SQLite makes it again.
    let _ = fs::remove_file(beside(path, "-shm"));
    create_private_file(path)?;
    let db = connect(path, durable).map_err(database)?;

    // Reading goes on in a copy, because opening a WAL changes the files.
    let copy = beside(path, ".salvage");
    for suffix in ["", "-wal"] {
        let from = beside(&aside, suffix);
        if from.exists() {
            let to = beside(&copy, suffix);
            create_private_file(&to)?;
            fs::copy(&from, &to).map_err(io_error("copy the damaged store to", &to))?;
        }
    }
    let mut damaged = Vec::new();
    if let Ok(old) = open_damaged(&copy) {
        let mut last_id = last_id_of(&old);
        let copied = db.execute_batch("BEGIN IMMEDIATE").and_then(|()| {
            for delivery in readable_deliveries(&old, &mut last_id, &mut damaged) {
                rows::insert_delivery(&db, &delivery)?;
                for attempt in readable_attempts(&old, delivery.id) {
                    rows::insert_attempt(&db, &attempt)?;
                }
            }
            db.execute(
                "INSERT OR REPLACE INTO meta VALUES ('reserved', ?1)",
                params![last_id.cast_signed()],
            )?;
            db.execute_batch("COMMIT")
        });
        copied.map_err(database)?;
    }
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(&copy, suffix));
    }
    let mut found = read(&db, limits).map_err(database)?;
    found.put_aside = Some(aside);
    found.damaged = damaged;
    Ok((found, db))
}

fn open_damaged(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // Makes SQLite read a file that is shorter than its header says.
    db.pragma_update(None, "writable_schema", "on")?;
    Ok(db)
}

fn last_id_of(db: &Connection) -> u64 {
    let one = |sql: &str| db.query_row(sql, [], |r| r.get::<_, i64>(0)).unwrap_or(0);
    one("SELECT max(id) FROM deliveries")
        .max(one("SELECT value FROM meta WHERE key='reserved'"))
        .max(0)
        .cast_unsigned()
}

/// Every delivery that can still be read, stepping over those that cannot.
fn readable_deliveries<'a>(
    db: &'a Connection,
    last_id: &'a mut u64,
    damaged: &'a mut Vec<u64>,
) -> impl Iterator<Item = Delivery> + 'a {
    let sql = format!(
        "SELECT {} FROM deliveries WHERE id > ?1 ORDER BY id LIMIT 1",
        rows::DELIVERY_COLUMNS
    );
    let mut after = 0u64;
    let mut stride = 1u64;
    std::iter::from_fn(move || {
        loop {
            let step = db.prepare_cached(&sql).and_then(|mut statement| {
                statement.query_row(params![after.cast_signed()], rows::delivery_of)
            });
            match step {
                Ok(Ok(delivery)) => {
                    (after, stride) = (delivery.id, 1);
                    *last_id = (*last_id).max(delivery.id);
                    return Some(delivery);
                }
                Ok(Err(id)) => {
                    damaged.push(id);
                    (after, stride) = (id, 1);
                }
                Err(rusqlite::Error::QueryReturnedNoRows) => return None,
                // A broken page holds several rows: step over it with growing strides.
                Err(_) if after <= *last_id => {
                    after += stride;
                    stride *= 2;
                }
                Err(_) => return None,
            }
        }
    })
}

fn readable_attempts(db: &Connection, delivery: u64) -> Vec<Attempt> {
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
    match statement.query_map(range, rows::attempt_of) {
        Ok(attempts) => attempts.map_while(Result::ok).collect(),
        Err(_) => Vec::new(),
    }
}
