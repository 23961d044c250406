//! Why a store cannot be used.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use super::rows::LAYOUT;

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
    /// There is none.
    #[error("there is no store `{path}`")]
    Missing {
        /// The file that there is not.
        path: PathBuf,
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
    /// A folder.
    #[error("the store `{path}` is a folder")]
    Folder {
        /// It.
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
    #[error("cannot open the store `{path}`: {cause}")]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said. Not a source: its own source repeats it.
        cause: rusqlite::Error,
    },
}

/// Whether the error means that the file's contents are broken.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::Error;
    match error {
        // What SQLite has read is not of the type that was written.
        Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::Utf8Error(..) => true,
        _ => matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        ),
    }
}

/// That they are, where SQLite reports it in words alone.
pub(super) fn damage() -> rusqlite::Error {
    let code = rusqlite::ffi::SQLITE_CORRUPT;
    rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)
}

pub(super) fn database(path: &Path) -> impl Fn(rusqlite::Error) -> OpenError + '_ {
    move |cause| OpenError::Database {
        path: path.to_owned(),
        cause,
    }
}

pub(super) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl FnOnce(io::Error) -> OpenError + 'a {
    move |source| OpenError::Io {
        action,
        path: path.to_owned(),
        source,
    }
}
