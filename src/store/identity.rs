//! Whether a file is a store of this cmhook's, found out before anything in it changes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::error::{OpenError, database, io_error};
use super::private::private_options;
use super::rows::LAYOUT;

/// "cmhk" in ASCII, in the file's header so that `file` and we know it.
pub(super) const APPLICATION_ID: i32 = 0x636d_686b;

/// Looks at the first bytes before SQLite does, so that a file that is not ours, or a
/// newer one, stays exactly as it is. Tells whether there is damage in them that SQLite
/// would take for something else.
pub(super) fn check_header(path: &Path) -> Result<bool, OpenError> {
    // For writing too, so that the operating system says what is in the way of that.
    match private_options().open(path) {
        Ok(file) => check_file(file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(io_error("open the store", path)(error)),
    }
}

/// The same for one that is only to be read. Tells whether it says that it is a store of
/// cmhook's, and so must have its tables.
pub(super) fn check_to_read(path: &Path) -> Result<bool, OpenError> {
    let path_of = || path.to_owned();
    if path.is_dir() {
        return Err(OpenError::Folder { path: path_of() });
    }
    let open = || match File::open(path) {
        Ok(file) => Ok(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(OpenError::Missing { path: path_of() })
        }
        Err(error) => Err(io_error("open the store", path)(error)),
    };
    check_file(open()?, path)?;
    let mut header = Vec::new();
    open()?
        .take(72)
        .read_to_end(&mut header)
        .map_err(io_error("read the store", path))?;
    Ok(header.get(68..72) == Some(&APPLICATION_ID.to_be_bytes()))
}

fn check_file(file: File, path: &Path) -> Result<bool, OpenError> {
    let not_ours = || OpenError::NotAStore {
        path: path.to_owned(),
    };
    let mut header = Vec::new();
    file.take(105)
        .read_to_end(&mut header)
        .map_err(io_error("read the store", path))?;
    if header.is_empty() {
        return Ok(false);
    }
    if header.len() < 72 {
        return Err(not_ours());
    }
    let number = |at: usize| {
        i32::from_be_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (layout, application) = (number(60), number(68));
    // A store killed while it was being made has its tables in the WAL still, and a first
    // page without any; `connect` looks further there.
    let bare = application == 0 && header.get(103..105) == Some(&[0, 0]);
    if !header.starts_with(b"SQLite format 3\0") || (application != APPLICATION_ID && !bare) {
        return Err(not_ours());
    }
    if application == APPLICATION_ID && layout > LAYOUT {
        return Err(OpenError::Newer {
            path: path.to_owned(),
            found: layout,
        });
    }
    // Pages of 4096 bytes with none reserved, WAL mode, fixed fractions; layout of the schema
    // up to 4; UTF-8. SQLite believes other values, or takes the file for another format.
    let usual = header[16..24] == [0x10, 0, 2, 2, 0, 64, 32, 32]
        && (0..=4).contains(&number(44))
        && (0..=1).contains(&number(56));
    Ok(application == APPLICATION_ID && !usual)
}

/// Whether the database is empty and to become a store.
pub(super) fn identify(db: &Connection, path: &Path) -> Result<bool, OpenError> {
    let facts = || -> rusqlite::Result<(i32, i32, i64)> {
        db.busy_timeout(std::time::Duration::from_secs(2))?;
        // Closing would move what is in the WAL, and this may not be ours.
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        let application = db.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let layout = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let tables = db.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        Ok((application, layout, tables))
    };
    let (application, layout, tables) = facts().map_err(database(path))?;
    match application {
        APPLICATION_ID if layout > LAYOUT => Err(OpenError::Newer {
            path: path.to_owned(),
            found: layout,
        }),
        APPLICATION_ID => Ok(false),
        0 if tables == 0 => Ok(true),
        _ => Err(OpenError::NotAStore {
            path: path.to_owned(),
        }),
    }
}
