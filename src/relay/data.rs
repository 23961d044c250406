//! The folder in which a relay keeps what must outlive it.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::book::{Book, BookError};
use super::db;
use super::names::Names;
use super::queue::{Limits, Queue};
use super::tokens::Tokens;
use crate::files;

/// Why a data folder cannot be used. Nothing in it was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// There is none.
    #[error("there is no relay's data in `{}`", .0.display())]
    Missing(PathBuf),
    /// Another relay has it.
    #[error("the data folder `{}` is in use by {holder}", folder.display())]
    InUse {
        /// It.
        folder: PathBuf,
        /// Which process, as far as it is known.
        holder: String,
    },
    /// A newer cmhook wrote it.
    #[error("`{}` has layout {found}, and this cmhook knows layout {}", path.display(), db::LAYOUT)]
    Newer {
        /// The file.
        path: PathBuf,
        /// The layout in it.
        found: i32,
    },
    /// Some other file has its name.
    #[error("`{}` is not a relay's", .0.display())]
    NotOurs(PathBuf),
    /// It is broken.
    #[error("`{}` is damaged", .0.display())]
    Damaged(PathBuf),
    /// The operating system said no.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// SQLite said no.
    #[error("cannot open `{}`: {cause}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What it said. Not a source: its own source repeats it.
        cause: rusqlite::Error,
    },
}

impl DataError {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing(_) => "no_relay_data",
            Self::InUse { .. } => "relay_data_in_use",
            Self::Newer { .. } => "relay_data_newer",
            Self::NotOurs(_) => "not_relay_data",
            Self::Damaged(_) => "relay_data_damaged",
            Self::Io { .. } | Self::Database { .. } => "relay_data",
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Missing(_) => {
                "`cmhook relay token create LABEL` makes it; `--data DIR` names the folder of the relay that is meant"
            }
            Self::InUse { .. } => {
                "stop that one, or give this one a folder of its own with `--data DIR`"
            }
            Self::Newer { .. } => "update cmhook; nothing was changed",
            Self::NotOurs(_) => "choose another folder with `--data DIR`; nothing was changed",
            Self::Damaged(_) => {
                "put back a copy of it, or move it away and make new tokens; `sqlite3 relay.db .recover` saves what can be read"
            }
            Self::Io { .. } | Self::Database { .. } => {
                "check the folder's permissions and the disk's space, run it as the user that the relay runs as, or choose another folder with `--data DIR`"
            }
        }
    }

    pub(super) fn io<'a>(
        action: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |source| Self::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

/// What a running relay keeps. Only one relay at a time has it.
#[derive(Debug)]
pub struct Data {
    /// Who may connect.
    pub tokens: Tokens,
    /// Which names are whose.
    pub names: Names,
    /// What waits for agents.
    pub queue: Queue,
    book: Book,
    folder: PathBuf,
    _lock: File,
}

impl Data {
    /// Opens or makes it. Blocks, for as long as it takes to read what waits.
    ///
    /// # Errors
    /// Where it is in use, newer, something else, damaged, or cannot be read or written.
    pub fn open(folder: &Path, limits: Limits) -> Result<Self, DataError> {
        make_folder(folder)?;
        let lock = lock(folder)?;
        let path = folder.join(db::FILE);
        let book = Book::open(db::open(&path)?, &path)?;
        let mut second = db::open(&path)?;
        db::check(&second, &path)?;
        let queue = Queue::open(&mut second, limits).map_err(db::database(&path))?;
        queue
            .start(second)
            .map_err(DataError::io("start a thread for", &path))?;
        Ok(Self {
            tokens: Tokens::new(book.clone()),
            names: Names::new(book.clone()),
            queue,
            book,
            folder: folder.to_owned(),
            _lock: lock,
        })
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Takes in what another process has changed, such as `cmhook relay token revoke`. It
    /// costs next to nothing where nothing was.
    ///
    /// # Errors
    /// Where the file cannot be read. What was known stays in force.
    pub async fn refresh(&self) -> Result<(), BookError> {
        self.book.refresh().await.map(drop)
    }

    /// The state of tokens and names that is known now.
    pub fn seen(&self) -> Seen {
        Seen(self.book.known().generation)
    }

    /// Takes in what another process has changed, and tells whether tokens or names are others
    /// than those `seen` before, whoever has taken that in. If they are, `then` is what
    /// follows from it. To be asked a few times a second, and always with the same `seen`: it
    /// remembers what is still to be done where something failed.
    ///
    /// # Errors
    /// Where the file cannot be read. What was known stays in force.
    pub async fn changed(
        &self,
        seen: &mut Seen,
        then: impl FnOnce() + Send,
    ) -> Result<bool, BookError> {
        let refreshed = self.refresh().await;
        let now = self.seen();
        if now == *seen {
            return refreshed.map(|()| false);
        }
        then();
        // A name may have gone to another token, and what waited for it with it.
        self.queue.recount().await.map_err(BookError::Kept)?;
        *seen = now;
        refreshed.map(|()| true)
    }
}

/// A state of tokens and names.
#[derive(Debug, PartialEq, Eq)]
pub struct Seen(i64);

/// The tokens and names in a folder, for commands that run beside the relay or without it.
/// They are made with `create` where there are none.
///
/// # Errors
/// As [`Data::open`], but not where a relay has it.
pub fn open_book(folder: &Path, create: bool) -> Result<(Tokens, Names), DataError> {
    let path = folder.join(db::FILE);
    if create {
        make_folder(folder)?;
    } else if !path.exists() {
        return Err(DataError::Missing(folder.to_owned()));
    }
    let book = Book::open(db::open(&path)?, &path)?;
    Ok((Tokens::new(book.clone()), Names::new(book)))
}

pub(crate) fn make_folder(folder: &Path) -> Result<(), DataError> {
    files::create_folder(folder).map_err(|error| match error {
        files::FileError::Folder(path, source) => DataError::Io {
            action: "make the folder",
            path,
            source,
        },
        other => DataError::Io {
            action: "make the folder",
            path: folder.to_owned(),
            source: io::Error::other(other),
        },
    })
}

/// Takes the sole right to run a relay on this folder, until it is dropped.
fn lock(folder: &Path) -> Result<File, DataError> {
    let path = folder.join("relay.lock");
    let opened = match files::create_new(&path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            File::options().read(true).write(true).open(&path)
        }
        other => other,
    };
    let mut file = opened.map_err(DataError::io("open the lock file", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            let mut text = String::new();
            let _ = File::open(&path).and_then(|mut file| file.read_to_string(&mut text));
            let holder = match text.trim().parse::<u32>() {
                Ok(pid) => format!("process {pid}"),
                Err(_) => "another process".to_owned(),
            };
            return Err(DataError::InUse {
                folder: folder.to_owned(),
                holder,
            });
        }
        Err(fs::TryLockError::Error(source)) => {
            return Err(DataError::io("lock", &path)(source));
        }
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(DataError::io("write the lock file", &path))?;
    Ok(file)
}
