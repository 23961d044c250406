//! What waits for agents: deliveries that are on the disk before their sender is told so.
//!
//! One thread writes. It takes all that has come in meanwhile, commits it at once with a sync
//! of the disk, and then tells everybody who waits for that. The order is that in which
//! deliveries came in at the relay, which is not always that in which they were pushed: when a
//! connection breaks, all that were under way through it are pushed at one time.

mod gone;
mod rows;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::delivery::Headers;

/// Memory for what is being written, in KiB.
const ROOM: u32 = 64 << 10;
/// What a delivery takes on the disk beside its own bytes.
const OVERHEAD: usize = 256;

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The relay's own id of it.
    pub id: Box<str>,
    /// When it came in at the relay; kept to a microsecond.
    pub received_at: Timestamp,
    /// The sender's address, `ip:port`.
    pub peer: Box<str>,
    /// `http` or `https`, as the sender spoke.
    pub scheme: Box<str>,
    /// The method as it was sent.
    pub method: Box<str>,
    /// Path and query, undecoded, as the app is to see them.
    pub path: Box<str>,
    /// The header fields that the sender sent.
    pub headers: Headers,
    /// The body.
    pub body: Bytes,
}

impl Waiting {
    /// What it counts for, in bytes.
    pub fn size(&self) -> usize {
        let texts = [&self.id, &self.peer, &self.scheme, &self.method, &self.path];
        let texts: usize = texts.iter().map(|text| text.len()).sum();
        texts + self.headers.as_bytes().len() + self.body.len() + OVERHEAD
    }
}

/// How much may wait under one name, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries.
    pub count: u64,
    /// Bytes of them, with their headers.
    pub bytes: u64,
    /// What is older is deleted.
    pub age: Duration,
}

impl Limits {
    /// Nothing more is to wait, and what an earlier run has promised to keep stays as it is.
    pub const UNTOUCHED: Self = Self {
        count: 0,
        bytes: 0,
        age: Duration::MAX,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            count: 10_000,
            bytes: 256 << 20,
            age: Duration::from_hours(72),
        }
    }
}

/// Why a delivery does not wait.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PushError {
    /// As much waits as may.
    #[error("as much waits already as may")]
    Full,
    /// It is not on the disk.
    #[error(transparent)]
    Kept(#[from] KeepError),
}

/// The database says no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot read or write the relay's data: {0}")]
pub struct KeepError(Arc<str>);

impl KeepError {
    pub(super) fn stopped() -> Self {
        Self("its thread has ended".into())
    }
}

impl From<rusqlite::Error> for KeepError {
    fn from(error: rusqlite::Error) -> Self {
        Self(error.to_string().into())
    }
}

/// How much waits under a name.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tally {
    count: i64,
    bytes: i64,
}

impl Tally {
    const fn add(&mut self, other: Self) {
        self.count += other.count;
        self.bytes += other.bytes;
    }
}

/// What to do.
enum Op {
    Push {
        rank: Rank,
        name: Box<str>,
        waiting: Box<Waiting>,
        reply: oneshot::Sender<Result<(), PushError>>,
        /// Its share of the memory, until it is written.
        room: OwnedSemaphorePermit,
    },
    Done {
        ids: Vec<Box<str>>,
        reply: oneshot::Sender<Result<(), KeepError>>,
    },
    First {
        name: Box<str>,
        most: Most,
        reply: oneshot::Sender<Result<Vec<Waiting>, KeepError>>,
    },
    Recount(oneshot::Sender<Result<(), KeepError>>),
}

/// A delivery's place in the order of their arrival, among all of a relay's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank(i64);

/// How many to read at once.
#[derive(Debug, Clone, Copy)]
struct Most {
    count: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Shared {
    ops: mpsc::Sender<Op>,
    /// Until the thread is started.
    taken: Mutex<Option<mpsc::Receiver<Op>>>,
    room: Arc<Semaphore>,
    limits: Limits,
    tallies: Mutex<HashMap<Box<str>, Tally>>,
    expired: AtomicU64,
    next: AtomicI64,
    failing: AtomicBool,
}

/// What waits; clones are handles on the same.
#[derive(Debug, Clone)]
pub struct Queue(Arc<Shared>);

impl Queue {
    /// What is in an open database, without what has become too old.
    pub(super) fn open(db: &mut Connection, limits: Limits) -> rusqlite::Result<Self> {
        let (ops, taken) = mpsc::channel();
        let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let cutoff = rows::cutoff(limits.age);
        let expired = rows::expire(&transaction, cutoff)?;
        let tallies = rows::tallies(&transaction, cutoff)?;
        let last = rows::last_rank(&transaction)?;
        transaction.commit()?;
        let expired: i64 = expired.values().map(|tally| tally.count).sum();
        Ok(Self(Arc::new(Shared {
            ops,
            taken: Mutex::new(Some(taken)),
            room: Arc::new(Semaphore::new(ROOM as usize)),
            limits,
            tallies: Mutex::new(tallies),
            expired: AtomicU64::new(expired.cast_unsigned()),
            next: AtomicI64::new(last + 1),
            failing: AtomicBool::new(false),
        })))
    }

    /// Starts the thread that has the database from then on.
    pub(super) fn start(&self, db: Connection) -> io::Result<()> {
        let taken = self.0.taken.lock();
        let Some(ops) = taken.unwrap_or_else(PoisonError::into_inner).take() else {
            return Ok(());
        };
        // Not an owner: it ends with the last handle.
        let shared = Arc::downgrade(&self.0);
        let limits = self.0.limits;
        std::thread::Builder::new()
            .name("relay-queue".into())
            .spawn(move || writer::run(db, &ops, &shared, limits))
            .map(drop)
    }

    /// The next rank, for a delivery that has just come in.
    pub fn rank(&self) -> Rank {
        Rank(self.0.next.fetch_add(1, Ordering::Relaxed))
    }

    /// Has a delivery wait that comes in now, as [`Queue::push_as`] does.
    ///
    /// # Errors
    /// As [`Queue::push_as`].
    pub async fn push(&self, name: &str, waiting: Waiting) -> Result<(), PushError> {
        self.push_as(self.rank(), name, waiting).await
    }

    /// Has a delivery wait, behind those that came in before it. When this returns it is on
    /// the disk. One whose id waits already is there once.
    ///
    /// # Errors
    /// Where it is not: there are too many, or the disk refuses it.
    pub async fn push_as(&self, rank: Rank, name: &str, waiting: Waiting) -> Result<(), PushError> {
        // The thread looks again. This is so that what cannot be kept costs next to nothing.
        let size = waiting.size();
        if !self.0.limits.allow(self.0.tally(name), size) {
            return Err(PushError::Full);
        }
        let share = u32::try_from(size / 1024 + 1).unwrap_or(ROOM).min(ROOM);
        let room = Arc::clone(&self.0.room).acquire_many_owned(share).await;
        let (reply, done) = oneshot::channel();
        self.send(Op::Push {
            rank,
            name: name.into(),
            waiting: Box::new(waiting),
            reply,
            room: room.map_err(|_| KeepError::stopped())?,
        })?;
        done.await.map_err(|_| KeepError::stopped())?
    }

    /// The delivery that has waited longest under this name.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub async fn next(&self, name: &str) -> Result<Option<Waiting>, KeepError> {
        let first = self.first(name, 1, 0).await?;
        Ok(first.into_iter().next())
    }

    /// Those that have waited longest under this name, in order: at most `count`, and none
    /// beyond the first that would make them more than `bytes`.
    ///
    /// # Errors
    /// Where they cannot be read.
    pub async fn first(
        &self,
        name: &str,
        count: usize,
        bytes: usize,
    ) -> Result<Vec<Waiting>, KeepError> {
        if self.0.tally(name).count == 0 {
            return Ok(Vec::new());
        }
        let (reply, done) = oneshot::channel();
        self.send(Op::First {
            name: name.into(),
            most: Most { count, bytes },
            reply,
        })?;
        done.await.map_err(|_| KeepError::stopped())?
    }

    /// Has a delivery wait no longer. Where that cannot be written, as on a full disk, it is
    /// remembered and written later: it is handed on again after a new start at most.
    ///
    /// # Errors
    /// Where the database cannot even be read.
    pub async fn done(&self, id: &str) -> Result<(), KeepError> {
        self.all_done(vec![id.into()]).await
    }

    /// The same for several.
    ///
    /// # Errors
    /// As [`Queue::done`].
    pub async fn all_done(&self, ids: Vec<Box<str>>) -> Result<(), KeepError> {
        let (reply, done) = oneshot::channel();
        self.send(Op::Done { ids, reply })?;
        done.await.map_err(|_| KeepError::stopped())?
    }

    /// How many wait under a name.
    pub fn count(&self, name: &str) -> u64 {
        self.0.tally(name).count.max(0).cast_unsigned()
    }

    /// How many wait in all, and how many bytes they are.
    pub fn totals(&self) -> (u64, u64) {
        let tallies = self.0.tallies();
        let sum = |of: fn(&Tally) -> i64| tallies.values().map(of).sum::<i64>();
        let (count, bytes) = (sum(|tally| tally.count), sum(|tally| tally.bytes));
        (count.max(0).cast_unsigned(), bytes.max(0).cast_unsigned())
    }

    /// The names under which something waits.
    pub fn names_with_waiting(&self) -> Vec<Box<str>> {
        self.0.tallies().keys().cloned().collect()
    }

    /// How many deliveries were deleted since the start because they had become too old.
    pub fn expired(&self) -> u64 {
        self.0.expired.load(Ordering::Relaxed)
    }

    /// Whether what was to be written last could not be.
    pub fn is_failing(&self) -> bool {
        self.0.failing.load(Ordering::Relaxed)
    }

    /// Counts anew, when another process may have deleted some.
    pub(super) async fn recount(&self) -> Result<(), KeepError> {
        let (reply, done) = oneshot::channel();
        self.send(Op::Recount(reply))?;
        done.await.map_err(|_| KeepError::stopped())?
    }

    fn send(&self, op: Op) -> Result<(), KeepError> {
        self.0.ops.send(op).map_err(|_| KeepError::stopped())
    }
}

impl Shared {
    fn tallies(&self) -> MutexGuard<'_, HashMap<Box<str>, Tally>> {
        self.tallies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tally(&self, name: &str) -> Tally {
        self.tallies().get(name).copied().unwrap_or_default()
    }

    fn apply(&self, changes: HashMap<Box<str>, Tally>) {
        let mut tallies = self.tallies();
        for (name, change) in changes {
            let tally = tallies.entry(name).or_default();
            tally.add(change);
        }
        tallies.retain(|_, tally| tally.count > 0);
    }
}

impl Limits {
    /// Whether one more of this size may wait beside these.
    fn allow(&self, tally: Tally, size: usize) -> bool {
        let (count, bytes) = (tally.count.max(0), tally.bytes.max(0));
        count.cast_unsigned() < self.count
            && bytes.cast_unsigned().saturating_add(size as u64) <= self.bytes
    }
}
