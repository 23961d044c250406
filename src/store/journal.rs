//! The journal's writer: one thread, group commit.
//!
//! Everything that is queued when the thread comes round goes into one transaction,
//! and all who wait for it are woken together. Waking a sleeping thread costs more
//! than a small commit, so an attempt, for which nobody waits, wakes nobody if the
//! thread is about to look anyway: after each commit it lingers for [`LINGER`].

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::file::Lock;
use super::rows;
use crate::delivery::{Attempt, Delivery};

/// How long an attempt may wait to be written, and how long the thread looks out for
/// more work before it sleeps. Short enough that little is lost with a killed process.
const LINGER: Duration = Duration::from_millis(20);
/// How often a failing journal is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The most bytes of bodies in one transaction, so that a small delivery does not wait
/// for a dozen large ones.
const MAX_BATCH: usize = 16 << 20;
/// The most bytes of bodies that wait for a failing journal to recover.
const MAX_BACKLOG: usize = 64 << 20;
/// Bytes written to the WAL, near enough, after which its contents are moved into the
/// main file.
const CHECKPOINT: usize = 16 << 20;
/// What a row costs in the WAL beside its body: its other columns and its share of
/// pages that are written again.
const ROW_OVERHEAD: usize = 1024;

/// Tells whether a delivery is in the journal; `Err` carries why not.
pub type Saved = oneshot::Receiver<Result<(), Arc<str>>>;

/// Something to write.
#[derive(Debug)]
pub enum Op {
    /// A delivery, and whom to tell.
    Delivery(Arc<Delivery>, oneshot::Sender<Result<(), Arc<str>>>),
    /// An attempt.
    Attempt(Arc<Attempt>),
    /// Deliveries that left the ring, ids ascending.
    Evict(Vec<u64>),
    /// Ids up to this one may be given out.
    Reserve(u64),
}

impl Op {
    fn weight(&self) -> usize {
        match self {
            Self::Delivery(delivery, _) => delivery.request.body.len(),
            Self::Attempt(attempt) => attempt.weight(),
            Self::Evict(_) | Self::Reserve(_) => 0,
        }
    }
}

/// What the thread says of its health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Writing failed, for this reason.
    Failing(Arc<str>),
    /// Writing works again; so many operations were given up meanwhile.
    Recovered(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    Awake,
    Lingering,
    Asleep,
}

#[derive(Debug)]
struct Queue {
    ops: Vec<Op>,
    sleep: Sleep,
    closing: bool,
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    failing: AtomicBool,
}

/// The handle on the writer thread.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Starts the thread. `report` is called on it when its health changes.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn start(
        db: Connection,
        lock: Lock,
        report: impl Fn(Health) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                ops: Vec::new(),
                sleep: Sleep::Awake,
                closing: false,
            }),
            wake: Condvar::new(),
            failing: AtomicBool::new(false),
        });
        let writer = Writer {
            db,
            shared: Arc::clone(&shared),
            backlog: Vec::new(),
            dropped: 0,
            written: 0,
            report: Box::new(report),
        };
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                let _lock = lock;
                writer.run();
            })?;
        Ok(Self {
            shared,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues an operation.
    pub fn push(&self, op: Op) {
        let mut queue = lock(&self.shared.queue);
        let wake = match (&op, queue.sleep) {
            (_, Sleep::Asleep) | (Op::Delivery(..), Sleep::Lingering) => true,
            (_, Sleep::Lingering | Sleep::Awake) => false,
        };
        queue.ops.push(op);
        if wake {
            queue.sleep = Sleep::Awake;
            drop(queue);
            self.shared.wake.notify_one();
        }
    }

    /// Whether the last write failed.
    pub fn is_failing(&self) -> bool {
        self.shared.failing.load(Ordering::Relaxed)
    }

    /// Writes what is queued, moves the WAL into the main file and ends the thread.
    /// Blocks until that is done.
    pub fn close(&self) {
        lock(&self.shared.queue).closing = true;
        self.shared.wake.notify_one();
        if let Some(thread) = lock(&self.thread).take() {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is behind these locks is whole at every step, so a panic elsewhere does not
    // make it wrong.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Writer {
    db: Connection,
    shared: Arc<Shared>,
    backlog: Vec<Op>,
    dropped: usize,
    // Bytes written since the last checkpoint.
    written: usize,
    report: Box<dyn Fn(Health) + Send>,
}

impl Writer {
    fn run(mut self) {
        loop {
            let (ops, closing) = self.next_ops();
            let mut batch = std::mem::take(&mut self.backlog);
            batch.extend(ops);
            while !batch.is_empty() {
                let rest = batch.split_off(batch_end(&batch));
                let done = self.write(batch);
                batch = rest;
                if !done {
                    // Those behind a failed batch fail with it, without trying each.
                    self.fail_rest(batch);
                    break;
                }
            }
            self.checkpoint(closing);
            if closing {
                return;
            }
        }
    }

    /// Waits until there is something to do.
    fn next_ops(&self) -> (Vec<Op>, bool) {
        let mut queue = lock(&self.shared.queue);
        let mut linger_until = Some(Instant::now() + LINGER);
        loop {
            let urgent = queue.ops.iter().any(|op| matches!(op, Op::Delivery(..)));
            let expired = linger_until.is_some_and(|until| until <= Instant::now());
            if urgent || queue.closing || (expired && !queue.ops.is_empty()) {
                queue.sleep = Sleep::Awake;
                return (std::mem::take(&mut queue.ops), queue.closing);
            }
            if let Some(until) = linger_until.filter(|_| !expired) {
                queue.sleep = Sleep::Lingering;
                let left = until.saturating_duration_since(Instant::now());
                queue = self
                    .shared
                    .wake
                    .wait_timeout(queue, left)
                    .unwrap_or_else(PoisonError::into_inner)
                    .0;
            } else if self.backlog.is_empty() {
                queue.sleep = Sleep::Asleep;
                queue = self
                    .shared
                    .wake
                    .wait(queue)
                    .unwrap_or_else(PoisonError::into_inner);
                // Woken for an attempt: see whether more comes.
                linger_until = Some(Instant::now() + LINGER);
            } else {
                queue.sleep = Sleep::Asleep;
                let (after, timeout) = self
                    .shared
                    .wake
                    .wait_timeout(queue, RETRY)
                    .unwrap_or_else(PoisonError::into_inner);
                queue = after;
                if timeout.timed_out() {
                    queue.sleep = Sleep::Awake;
                    return (std::mem::take(&mut queue.ops), queue.closing);
                }
            }
        }
    }

    /// Writes a batch in one transaction and tells whether that worked.
    fn write(&mut self, batch: Vec<Op>) -> bool {
        match transaction(&self.db, &batch) {
            Ok(()) => {
                for op in batch {
                    self.written += op.weight() + ROW_OVERHEAD;
                    if let Op::Delivery(_, waiter) = op {
                        // The sender may be gone; the delivery is kept all the same.
                        let _ = waiter.send(Ok(()));
                    }
                }
                if self.shared.failing.swap(false, Ordering::Relaxed) {
                    (self.report)(Health::Recovered(std::mem::take(&mut self.dropped)));
                }
                true
            }
            Err(error) => {
                let _ = self.db.execute_batch("ROLLBACK");
                let why: Arc<str> = error.to_string().into();
                if !self.shared.failing.swap(true, Ordering::Relaxed) {
                    (self.report)(Health::Failing(Arc::clone(&why)));
                }
                self.put_back(batch, &why);
                false
            }
        }
    }

    fn fail_rest(&mut self, rest: Vec<Op>) {
        self.put_back(rest, &Arc::from("the journal cannot be written"));
    }

    /// Tells those who wait that it failed, and keeps the operations for later.
    fn put_back(&mut self, batch: Vec<Op>, why: &Arc<str>) {
        for op in batch {
            self.backlog.push(match op {
                Op::Delivery(delivery, waiter) => {
                    let _ = waiter.send(Err(Arc::clone(why)));
                    // Nobody waits for it any more.
                    Op::Delivery(delivery, oneshot::channel().0)
                }
                other => other,
            });
        }
        let mut weight: usize = self.backlog.iter().map(Op::weight).sum();
        while weight > MAX_BACKLOG || self.backlog.len() > 100_000 {
            weight -= self.backlog.remove(0).weight();
            self.dropped += 1;
        }
    }

    fn checkpoint(&mut self, closing: bool) {
        if !closing && self.written < CHECKPOINT {
            return;
        }
        self.written = 0;
        let mode = if closing { "TRUNCATE" } else { "PASSIVE" };
        // One that fails is made up for by the next; nothing is lost.
        let _ = self
            .db
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()));
    }
}

/// Where the first batch ends that stays under [`MAX_BATCH`]; at least one operation.
fn batch_end(ops: &[Op]) -> usize {
    let mut weight = 0;
    ops.iter()
        .position(|op| {
            let before = weight;
            weight += op.weight();
            before > 0 && weight > MAX_BATCH
        })
        .unwrap_or(ops.len())
}

fn transaction(db: &Connection, batch: &[Op]) -> rusqlite::Result<()> {
    db.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
    for op in batch {
        match op {
            Op::Delivery(delivery, _) => rows::insert_delivery(db, delivery)?,
            Op::Attempt(attempt) => rows::insert_attempt(db, attempt)?,
            Op::Reserve(id) => {
                db.prepare_cached("INSERT OR REPLACE INTO meta VALUES ('reserved', ?1)")?
                    .execute(params![id.cast_signed()])?;
            }
            Op::Evict(ids) => evict(db, ids)?,
        }
    }
    db.prepare_cached("COMMIT")?.execute([])?;
    Ok(())
}

/// Deletes by runs of neighbouring ids, which is what eviction gives.
fn evict(db: &Connection, ids: &[u64]) -> rusqlite::Result<()> {
    for run in ids.chunk_by(|a, b| a + 1 == *b) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else {
            continue;
        };
        db.prepare_cached("DELETE FROM deliveries WHERE id BETWEEN ?1 AND ?2")?
            .execute(params![first.cast_signed(), last.cast_signed()])?;
        db.prepare_cached("DELETE FROM attempts WHERE id >= ?1 AND id < ?2")?
            .execute(params![
                rows::attempt_key(*first, 0),
                rows::attempt_key(last + 1, 0)
            ])?;
    }
    Ok(())
}
