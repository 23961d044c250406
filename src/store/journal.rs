//! The journal's writer: one thread, group commit.
//!
//! Everything that is queued when the thread comes round goes into one transaction,
//! and all who wait for it are woken together. Waking a sleeping thread costs more
//! than a small commit, so an attempt, for which nobody waits, wakes nobody if the
//! thread is about to look anyway: after each commit it lingers for [`LINGER`].

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::oneshot;

use super::file::Lock;
use super::rows;
use crate::delivery::{Attempt, Delivery};

/// How long an attempt may wait to be written, and how long the thread looks out for
/// more work before it sleeps. Short enough that little is lost with a killed process.
const LINGER: Duration = Duration::from_millis(20);
/// How long a commit waits for others to join it while some can still go on. Each page
/// of the file is written whole, so a commit of ten costs little more than one of one.
const GATHER: Duration = Duration::from_millis(1);
/// Attempts are written with the next commit once there are this many.
const MANY: usize = 64;
/// How often a failing journal is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// The most bytes of bodies in one transaction, so that a small delivery does not wait
/// for a dozen large ones.
const MAX_BATCH: usize = 16 << 20;
/// The most bytes of bodies that wait for a failing journal to recover.
const MAX_BACKLOG: usize = 64 << 20;
/// Bytes written to the WAL, near enough, after which its contents are moved into the
/// main file.
const CHECKPOINT: usize = 32 << 20;
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
    // Attempts; nobody waits for these, so that they gather for longer.
    later: Vec<Op>,
    later_by: Option<Instant>,
    sleep: Sleep,
    urgent: bool,
    // How many wait for what is queued, and when the first of them has waited enough.
    waiting: usize,
    wanted_by: Option<Instant>,
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
        path: &Path,
        db: Connection,
        lock: Lock,
        report: impl Fn(Health) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                ops: Vec::new(),
                later: Vec::new(),
                later_by: None,
                sleep: Sleep::Awake,
                urgent: false,
                waiting: 0,
                wanted_by: None,
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
            checkpointer: None,
            path: path.to_owned(),
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

    /// Queues an operation. One that is `urgent` is written at once; any other when
    /// somebody urges, or after [`LINGER`].
    pub fn push(&self, op: Op, urgent: bool) {
        let mut queue = lock(&self.shared.queue);
        if matches!(op, Op::Attempt(_)) {
            queue.later.push(op);
            queue
                .later_by
                .get_or_insert_with(|| Instant::now() + LINGER);
        } else {
            queue.ops.push(op);
        }
        queue.urgent |= urgent;
        self.wake(queue, urgent);
    }

    /// Says that somebody now waits for what is queued, and how many deliveries are
    /// under way in all. Once half of them wait, or one has waited for [`GATHER`],
    /// everything is written.
    pub fn urge(&self, open: usize) {
        let mut queue = lock(&self.shared.queue);
        queue.waiting += 1;
        let enough = queue.waiting * 2 >= open;
        queue.urgent |= enough;
        if queue.wanted_by.is_none() {
            queue.wanted_by = Some(Instant::now() + GATHER);
            // The thread has to learn of the new deadline.
            self.wake(queue, true);
        } else {
            self.wake(queue, enough);
        }
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>, urgent: bool) {
        let wake = match queue.sleep {
            Sleep::Asleep => true,
            Sleep::Lingering => urgent,
            Sleep::Awake => false,
        };
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
    checkpointer: Option<JoinHandle<()>>,
    path: PathBuf,
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

    /// Waits until there is something to write, and somebody wants it written or has
    /// left it for long enough.
    fn next_ops(&self) -> (Vec<Op>, bool) {
        let mut queue = lock(&self.shared.queue);
        // For a while a wake-up is saved for whoever comes next.
        let mut look_until = Instant::now() + LINGER;
        let retry_at = (!self.backlog.is_empty()).then(|| Instant::now() + RETRY);
        loop {
            let now = Instant::now();
            let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            let lingered = look_until <= now;
            let wanted = queue.urgent || due(queue.wanted_by) || lingered;
            let late = due(queue.later_by) || queue.later.len() >= MANY;
            let retry = due(retry_at);
            if queue.closing || retry || late || (wanted && !queue.ops.is_empty()) {
                queue.sleep = Sleep::Awake;
                queue.urgent = false;
                queue.waiting = 0;
                queue.wanted_by = None;
                let mut ops = std::mem::take(&mut queue.ops);
                if late || queue.closing {
                    queue.later_by = None;
                    ops.append(&mut queue.later);
                }
                return (ops, queue.closing);
            }
            let wake_at = queue
                .wanted_by
                .into_iter()
                .chain(queue.later_by)
                .chain((!lingered).then_some(look_until))
                .chain(retry_at)
                .min();
            queue = if let Some(at) = wake_at {
                queue.sleep = Sleep::Lingering;
                let left = at.saturating_duration_since(now);
                let timed = self.shared.wake.wait_timeout(queue, left);
                timed.unwrap_or_else(PoisonError::into_inner).0
            } else {
                queue.sleep = Sleep::Asleep;
                let woken = self.shared.wake.wait(queue);
                // Woken for an attempt: see whether more comes.
                look_until = Instant::now() + LINGER;
                woken.unwrap_or_else(PoisonError::into_inner)
            };
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

    /// Moves the WAL into the main file when it has grown. That syncs both files, which
    /// takes as long as the disk likes, so a thread with a connection of its own does it
    /// while this one goes on appending.
    fn checkpoint(&mut self, closing: bool) {
        if closing {
            self.checkpointer.take().map(JoinHandle::join);
            // One that fails is made up for at the next start; nothing is lost.
            let _ = run_checkpoint(&self.db, "TRUNCATE");
            return;
        }
        if self.written < CHECKPOINT || self.checkpointer.as_ref().is_some_and(|t| !t.is_finished())
        {
            return;
        }
        self.written = 0;
        let path = self.path.clone();
        self.checkpointer = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                let _ = Connection::open_with_flags(path, flags)
                    .and_then(|db| run_checkpoint(&db, "PASSIVE"));
            })
            .ok();
    }
}

fn run_checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<()> {
    db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(()))
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
