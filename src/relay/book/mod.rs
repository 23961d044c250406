//! The book of tokens and names: a thread that alone writes it, and what it says, in memory,
//! for the path of every delivery.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rusqlite::{Connection, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use crate::relay::data::DataError;
use crate::relay::db;
use crate::relay::queue::KeepError;
use crate::relay::tokens::{Owner, OwnerId};

/// How long a released name goes to nobody but its former token, and how long a revoked
/// token is remembered as that.
pub const QUARANTINE: Duration = Duration::from_hours(30 * 24);

/// A token's last use is written at most this often.
const TOUCH: Duration = Duration::from_mins(1);

/// Why something about tokens or names could not be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BookError {
    /// Such a token there is not.
    #[error("there is no token `{asked}`")]
    NoToken {
        /// What was asked for.
        asked: String,
        /// The labels that there are.
        known: Vec<String>,
    },
    /// The beginning of an id is that of several.
    #[error("several tokens begin with `{0}`")]
    Ambiguous(String),
    /// A label is in use.
    #[error("there is a token `{0}` already")]
    LabelTaken(String),
    /// A label cannot be one.
    #[error("`{0}` cannot be a label")]
    BadLabel(String),
    /// A name cannot be one.
    #[error("`{0}` cannot be a name")]
    BadName(String),
    /// Such a name there is not.
    #[error("there is no name `{asked}`")]
    NoName {
        /// What was asked for.
        asked: String,
        /// The names that there are.
        known: Vec<String>,
    },
    /// A name is another token's.
    #[error("the name `{name}` is `{holder}`'s")]
    NameTaken {
        /// It.
        name: String,
        /// The label of the token that has it.
        holder: String,
    },
    /// A name was another token's not long ago.
    #[error("the name `{name}` was `{former}`'s and is kept for it until {}", until.strftime("%Y-%m-%d"))]
    Quarantined {
        /// It.
        name: String,
        /// The label of the token that had it.
        former: String,
        /// When anybody can have it.
        until: Timestamp,
    },
    /// The system gives no random numbers.
    #[error("the system gives no random numbers")]
    Random(#[source] getrandom::Error),
    /// The database says no.
    #[error(transparent)]
    Kept(KeepError),
}

impl BookError {
    /// The word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoToken { .. } | Self::Ambiguous(_) => "no_token",
            Self::LabelTaken(_) => "label_taken",
            Self::BadLabel(_) | Self::BadName(_) => "usage",
            Self::NoName { .. } => "no_name",
            Self::NameTaken { .. } => "name_taken",
            Self::Quarantined { .. } => "name_quarantined",
            Self::Random(_) => "internal",
            Self::Kept(_) => "relay_data",
        }
    }

    /// What to do about it; may be empty.
    pub fn hint(&self) -> String {
        let those = |what: &str, known: &[String]| match known {
            [] => format!("there is no {what} yet"),
            known => format!("there is {}", known.join(", ")),
        };
        match self {
            Self::NoToken { known, .. } => {
                let make = "`cmhook relay token create LABEL` makes one";
                format!("{}; {make}", those("token", known))
            }
            Self::NoName { known, .. } => those("name", known),
            Self::Ambiguous(_) => "give its label, or more of its id".into(),
            Self::LabelTaken(label) => {
                format!("choose another label, or `cmhook relay token rotate {label}` for a new token with its names")
            }
            Self::BadLabel(_) => "a label has 1 to 64 characters, none of them invisible".into(),
            Self::BadName(_) => crate::relay::names::SYNTAX.into(),
            Self::NameTaken { name, .. } => {
                format!("choose another, or release it with `cmhook relay name release {name}`")
            }
            Self::Quarantined { .. } => {
                "choose another, or give it away all the same with `--force`: whoever still sends to it sends to the new one".into()
            }
            Self::Random(_) => String::new(),
            Self::Kept(_) => "check the disk's space and the data folder's permissions".into(),
        }
    }

    /// The exit code of a command that fails with it.
    pub const fn exit(&self) -> u8 {
        match self {
            Self::BadLabel(_) | Self::BadName(_) => 2,
            _ => 1,
        }
    }
}

impl From<rusqlite::Error> for BookError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Kept(KeepError::from(error))
    }
}

/// What the book says, at one time.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) generation: i64,
    pub(super) owners: HashMap<OwnerId, Arc<Owner>>,
    /// By the first bytes of the hash; the rest is compared in constant time.
    pub(super) hashes: HashMap<[u8; 8], Vec<Hash>>,
    pub(super) names: HashMap<Box<str>, OwnerId>,
    /// In the order in which they were bound.
    pub(super) names_of: HashMap<OwnerId, Vec<Box<str>>>,
}

/// A token as it is kept.
#[derive(Debug)]
pub(super) struct Hash {
    pub(super) full: [u8; 32],
    pub(super) owner: OwnerId,
    pub(super) revoked: bool,
}

type Job = Box<dyn FnOnce(&mut Writer) + Send>;

/// A handle on the book; clones are of the same one.
#[derive(Debug, Clone)]
pub(super) struct Book(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    known: Arc<RwLock<Arc<Known>>>,
    jobs: mpsc::Sender<Job>,
    touched: Mutex<HashMap<OwnerId, Instant>>,
}

/// What the thread has.
struct Writer {
    db: Connection,
    /// What SQLite says when another connection has written.
    version: i64,
    known: Arc<RwLock<Arc<Known>>>,
}

impl Book {
    pub(super) fn open(db: Connection, path: &Path) -> Result<Self, DataError> {
        let known = Arc::new(RwLock::default());
        let mut writer = Writer {
            db,
            version: 0,
            known: Arc::clone(&known),
        };
        let load = |writer: &mut Writer| {
            writer.version = version(&writer.db)?;
            writer.load()
        };
        load(&mut writer).map_err(db::database(path))?;
        let (jobs, queue) = mpsc::channel::<Job>();
        std::thread::Builder::new()
            .name("relay-book".into())
            .spawn(move || {
                while let Ok(job) = queue.recv() {
                    job(&mut writer);
                }
            })
            .map_err(DataError::io("start a thread for", path))?;
        Ok(Self(Arc::new(Shared {
            known,
            jobs,
            touched: Mutex::default(),
        })))
    }

    /// What it says now.
    pub(super) fn known(&self) -> Arc<Known> {
        let known = self.0.known.read();
        Arc::clone(&known.unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks something up in the database.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        self.job(|writer| read(&writer.db)).await
    }

    /// Changes something, all of it or nothing, and has it known before it returns.
    pub(super) async fn change<T: Send + 'static>(
        &self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        self.job(|writer| {
            let behaviour = TransactionBehavior::Immediate;
            let transaction = writer.db.transaction_with_behavior(behaviour)?;
            prune(&transaction)?;
            let done = change(&transaction)?;
            transaction.execute(
                "UPDATE meta SET value = value + 1 WHERE key = 'generation'",
                [],
            )?;
            transaction.commit()?;
            writer.load()?;
            Ok(done)
        })
        .await
    }

    /// Takes in what another process has changed, and tells whether there was something.
    pub(super) async fn refresh(&self) -> Result<bool, BookError> {
        self.job(|writer| {
            let version = version(&writer.db)?;
            if version == writer.version {
                return Ok(false);
            }
            // Most often it was the queue, which writes to the same file.
            let before = writer.known().generation;
            let changed = generation(&writer.db)? != before;
            if changed {
                writer.load()?;
            }
            writer.version = version;
            Ok(changed)
        })
        .await
    }

    /// Notes that a token was used; not each time.
    pub(super) fn touch(&self, owner: &OwnerId) {
        let now = Instant::now();
        {
            let touched = self.0.touched.lock();
            let mut touched = touched.unwrap_or_else(PoisonError::into_inner);
            if let Some(last) = touched.get(owner)
                && now.duration_since(*last) < TOUCH
            {
                return;
            }
            touched.insert(owner.clone(), now);
        }
        let owner = owner.clone();
        // It is for people who look at the list: one that is missed is no harm.
        let _ = self.0.jobs.send(Box::new(move |writer| {
            let sql = "UPDATE tokens SET last_used_at = ?2 WHERE id = ?1";
            let _ = writer
                .db
                .execute(sql, params![owner.as_str(), micros(Timestamp::now())]);
        }));
    }

    async fn job<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Writer) -> Result<T, BookError> + Send + 'static,
    ) -> Result<T, BookError> {
        let stopped = || BookError::Kept(KeepError::stopped());
        let (reply, done) = oneshot::channel();
        let job: Job = Box::new(move |writer| {
            // Whoever asked may be gone.
            let _ = reply.send(job(writer));
        });
        self.0.jobs.send(job).map_err(|_| stopped())?;
        done.await.map_err(|_| stopped())?
    }
}

impl Writer {
    fn known(&self) -> Arc<Known> {
        Arc::clone(&self.known.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn load(&mut self) -> rusqlite::Result<()> {
        // One state, whatever another process writes meanwhile.
        let transaction = self.db.transaction()?;
        let known = Arc::new(read(&transaction)?);
        drop(transaction);
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = known;
        Ok(())
    }
}

fn version(db: &Connection) -> rusqlite::Result<i64> {
    db.pragma_query_value(None, "data_version", |row| row.get(0))
}

fn generation(db: &Connection) -> rusqlite::Result<i64> {
    let sql = "SELECT value FROM meta WHERE key = 'generation'";
    db.prepare_cached(sql)?.query_row([], |row| row.get(0))
}

fn read(db: &Connection) -> rusqlite::Result<Known> {
    let mut known = Known {
        generation: generation(db)?,
        ..Known::default()
    };
    let mut tokens = db.prepare("SELECT id, label, hash, revoked_at FROM tokens")?;
    let mut rows = tokens.query([])?;
    while let Some(row) = rows.next()? {
        let full: [u8; 32] = row.get(2)?;
        let owner = OwnerId::new(row.get_ref(0)?.as_str()?);
        let revoked = row.get::<_, Option<i64>>(3)?.is_some();
        let mut start = [0; 8];
        start.copy_from_slice(&full[..8]);
        known.hashes.entry(start).or_default().push(Hash {
            full,
            owner: owner.clone(),
            revoked,
        });
        if !revoked {
            let label = row.get_ref(1)?.as_str()?.into();
            let id = owner.clone();
            known.owners.insert(owner, Arc::new(Owner { id, label }));
        }
    }
    let sql = "SELECT name, token FROM names WHERE released_at IS NULL ORDER BY rowid";
    let mut names = db.prepare(sql)?;
    let mut rows = names.query([])?;
    while let Some(row) = rows.next()? {
        let name: Box<str> = row.get_ref(0)?.as_str()?.into();
        let owner = OwnerId::new(row.get_ref(1)?.as_str()?);
        let of = known.names_of.entry(owner.clone()).or_default();
        of.push(name.clone());
        known.names.insert(name, owner);
    }
    Ok(known)
}

/// Forgets what is past its quarantine.
fn prune(db: &Connection) -> rusqlite::Result<()> {
    let before = micros(Timestamp::now() - QUARANTINE);
    db.execute("DELETE FROM names WHERE released_at < ?1", [before])?;
    db.execute("DELETE FROM tokens WHERE revoked_at < ?1", [before])?;
    Ok(())
}

pub(super) fn micros(time: Timestamp) -> i64 {
    time.as_microsecond()
}

pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_microsecond(micros).unwrap_or_default()
}
