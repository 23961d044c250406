//! The journal's writer: group commit, on one of two threads.
//!
//! Everything that is queued goes into one transaction, and all who wait for it are told
//! together. A small commit is a few writes into the page cache, some 30 µs. Waking
//! another thread for it, and being woken by it, costs more than that, so the runtime's own
//! thread writes when it has nothing else to do ([`Journal::write_here`]). Whatever may take
//! longer is left to the writer thread: syncs (`--durable`), large bodies, a journal that
//! fails or has become slow, and what nobody waits for.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::{Notify, oneshot};

use super::file::is_damage;
use super::lock::{Lock, doubt};
use super::rows;
use crate::delivery::{Attempt, Delivery};

/// How long an attempt may wait to be written, and how long the thread looks out for
/// more work before it sleeps. Short enough that little is lost with a killed process.
const LINGER: Duration = Duration::from_millis(20);
/// Attempts are written with the next commit once there are this many.
const MANY: usize = 64;
/// The most bytes that the runtime's thread writes by itself.
const SMALL: usize = 384 << 10;
/// The most deliveries that it writes by itself. More of them come from many senders at
/// once, who keep the runtime's thread busy; the writer's thread then works beside it.
const FEW: usize = 2;
/// A commit that takes longer than this shows that the disk is busy, and for a while all
/// are left to the thread.
const SLOW: Duration = Duration::from_millis(10);
/// How long that is.
const SLOW_FOR: Duration = Duration::from_secs(2);
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
/// The same, after which the WAL begins anew. As long as deliveries come without a pause
/// that takes a short one: whatever the checkpoints beside it have not moved yet.
const RESTART: usize = 128 << 20;
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
    Failing {
        /// In SQLite's words.
        why: Arc<str>,
        /// Whether the file is what is broken, so that waiting does not help.
        damaged: bool,
    },
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
    // The deliveries in `ops`, and their bytes.
    deliveries: usize,
    weight: usize,
    // Attempts; nobody waits for these, so that they gather for longer.
    later: Vec<Op>,
    later_by: Option<Instant>,
    // Whether there is an eviction in `ops`.
    evicts: bool,
    // Somebody wants the thread to write.
    urgent: bool,
    sleep: Sleep,
    closing: bool,
    slow_until: Option<Instant>,
}

impl Queue {
    /// What is to be written now: everything that somebody waits for, and attempts if they
    /// are due or `all` is wanted. They come first: one that were written after its delivery
    /// has been evicted would stay for ever.
    fn take(&mut self, all: bool) -> Vec<Op> {
        self.urgent = false;
        self.deliveries = 0;
        self.weight = 0;
        if !(all || self.evicts || self.later_is_due()) {
            return std::mem::take(&mut self.ops);
        }
        self.evicts = false;
        self.later_by = None;
        let mut ops = std::mem::take(&mut self.later);
        ops.append(&mut self.ops);
        ops
    }

    fn later_is_due(&self) -> bool {
        self.later.len() >= MANY || self.later_by.is_some_and(|by| by <= Instant::now())
    }
}

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    writer: Mutex<Writer>,
    failing: AtomicBool,
}

/// The handle on the writer.
#[derive(Debug)]
pub struct Journal {
    shared: Arc<Shared>,
    // Where the runtime's thread writes by itself: tells it that there is something.
    here: OnceLock<Arc<Notify>>,
    durable: bool,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Journal {
    /// Starts the thread. `report` is called when the journal's health changes.
    ///
    /// # Errors
    /// Where the operating system gives no thread.
    pub fn start(
        path: &Path,
        durable: bool,
        db: Connection,
        lock: Lock,
        report: impl Fn(Health) + Send + 'static,
    ) -> std::io::Result<Self> {
        let shared = Arc::new(Shared {
            queue: Mutex::new(Queue {
                ops: Vec::new(),
                deliveries: 0,
                weight: 0,
                later: Vec::new(),
                later_by: None,
                evicts: false,
                urgent: false,
                sleep: Sleep::Awake,
                closing: false,
                slow_until: None,
            }),
            wake: Condvar::new(),
            writer: Mutex::new(Writer {
                db,
                path: path.to_owned(),
                backlog: Vec::new(),
                dropped: 0,
                written: 0,
                wal: 0,
                checkpointer: None,
                spoiled: false,
                report: Report(Box::new(report)),
            }),
            failing: AtomicBool::new(false),
        });
        let for_thread = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || {
                let _lock = lock;
                for_thread.run();
            })?;
        Ok(Self {
            shared,
            here: OnceLock::new(),
            durable,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Queues an operation.
    pub fn push(&self, op: Op) {
        let mut queue = lock(&self.shared.queue);
        let mut urgent = false;
        match op {
            Op::Attempt(_) => {
                queue.later.push(op);
                queue
                    .later_by
                    .get_or_insert_with(|| Instant::now() + LINGER);
            }
            Op::Delivery(..) => {
                queue.deliveries += 1;
                queue.weight += op.weight();
                queue.ops.push(op);
                match self.here.get() {
                    Some(here) if self.may_write_here(&queue) => here.notify_one(),
                    _ => urgent = true,
                }
            }
            Op::Evict(_) | Op::Reserve(_) => {
                queue.evicts |= matches!(op, Op::Evict(_));
                queue.ops.push(op);
            }
        }
        self.wake(queue, urgent);
    }

    fn wake(&self, mut queue: MutexGuard<'_, Queue>, urgent: bool) {
        queue.urgent |= urgent;
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

    fn may_write_here(&self, queue: &Queue) -> bool {
        !self.durable
            && queue.weight <= SMALL
            && !queue.closing
            && !self.is_failing()
            && queue.slow_until.is_none_or(|until| until <= Instant::now())
    }

    /// Writes what is queued whenever the caller's thread has nothing else to do. For a
    /// runtime of one thread; ends never.
    pub async fn write_here(&self) {
        let here = self.here.get_or_init(Arc::default);
        loop {
            here.notified().await;
            // Lets everything run first that can: forwards leave before the commit, and
            // further deliveries join it.
            tokio::task::yield_now().await;
            self.write_once();
        }
    }

    fn write_once(&self) {
        // The thread is at it, and will find what is queued when it looks again.
        let Ok(mut writer) = self.shared.writer.try_lock() else {
            return self.wake(lock(&self.shared.queue), true);
        };
        let mut queue = lock(&self.shared.queue);
        if queue.deliveries > FEW || !self.may_write_here(&queue) {
            return self.wake(queue, true);
        }
        let ops = queue.take(false);
        drop(queue);
        let begun = Instant::now();
        writer.write(ops, &self.shared.failing);
        writer.checkpoint(false);
        // The thread sleeps, and does not know yet that it has to try again.
        let hand_over = writer.wal >= RESTART || !writer.backlog.is_empty();
        drop(writer);
        if hand_over {
            self.wake(lock(&self.shared.queue), true);
        }
        if begun.elapsed() > SLOW {
            lock(&self.shared.queue).slow_until = Some(Instant::now() + SLOW_FOR);
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

impl Shared {
    /// The thread.
    fn run(&self) {
        loop {
            // In a statement of its own, so that the lock is not held while it waits.
            let failed = !lock(&self.writer).backlog.is_empty();
            self.wait(failed);
            // In this order: whoever has taken operations is the one who writes next.
            let mut writer = lock(&self.writer);
            let mut queue = lock(&self.queue);
            queue.sleep = Sleep::Awake;
            let closing = queue.closing;
            let ops = queue.take(closing);
            drop(queue);
            writer.write(ops, &self.failing);
            writer.checkpoint(closing);
            writer.restart_wal();
            if closing {
                return;
            }
        }
    }

    /// Waits until there is something to write that nobody else writes.
    fn wait(&self, failed: bool) {
        let mut queue = lock(&self.queue);
        // For a while a wake-up is saved for whoever comes next.
        let mut look_until = Instant::now() + LINGER;
        let retry_at = failed.then(|| Instant::now() + RETRY);
        loop {
            let now = Instant::now();
            let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            let lingered = look_until <= now;
            let forgotten = lingered && queue.deliveries == 0 && !queue.ops.is_empty();
            if queue.closing || queue.urgent || forgotten || due(retry_at) || queue.later_is_due() {
                return;
            }
            let wake_at = queue
                .later_by
                .into_iter()
                .chain((!lingered).then_some(look_until))
                .chain(retry_at)
                .min();
            queue = if let Some(at) = wake_at {
                queue.sleep = Sleep::Lingering;
                let left = at.saturating_duration_since(now);
                let timed = self.wake.wait_timeout(queue, left);
                timed.unwrap_or_else(PoisonError::into_inner).0
            } else {
                queue.sleep = Sleep::Asleep;
                let woken = self.wake.wait(queue);
                // Woken for an attempt: see whether more comes.
                look_until = Instant::now() + LINGER;
                woken.unwrap_or_else(PoisonError::into_inner)
            };
        }
    }
}

/// What to call when the journal's health changes.
struct Report(Box<dyn Fn(Health) + Send>);

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Report")
    }
}

#[derive(Debug)]
struct Writer {
    db: Connection,
    path: PathBuf,
    // What could not be written.
    backlog: Vec<Op>,
    dropped: usize,
    // Bytes written since the last checkpoint.
    written: usize,
    // Bytes written since the WAL began.
    wal: usize,
    checkpointer: Option<JoinHandle<()>>,
    // Behind the WAL's end there may be a commit that was given up. As long as the WAL goes
    // on, the next start could take it for one that is cut off by damage, see `wal`.
    spoiled: bool,
    report: Report,
}

impl Writer {
    /// Writes these, and then what failed before. In this order, because somebody waits for
    /// these, and because what failed may be what can never be written.
    fn write(&mut self, mut ops: Vec<Op>, failing: &AtomicBool) {
        if !self.backlog.is_empty() {
            // What is evicted may be waiting there.
            let is_eviction = |op: &mut Op| matches!(op, Op::Evict(_));
            self.backlog.extend(ops.extract_if(.., is_eviction));
        }
        let delivers = ops.iter().any(|op| matches!(op, Op::Delivery(..)));
        if ops.is_empty() || self.write_all(ops, failing) {
            self.catch_up(delivers, failing);
        }
    }

    /// Writes in as many transactions as the size takes, and tells whether that worked.
    fn write_all(&mut self, mut batch: Vec<Op>, failing: &AtomicBool) -> bool {
        while !batch.is_empty() {
            let rest = batch.split_off(batch_end(&batch));
            if let Err(error) = self.transact(&batch) {
                let why: Arc<str> = error.to_string().into();
                if !failing.swap(true, Ordering::Relaxed) {
                    let damaged = is_damage(&error);
                    if damaged {
                        doubt(&self.path);
                    }
                    let why = Arc::clone(&why);
                    (self.report.0)(Health::Failing { why, damaged });
                }
                // Those behind a failed batch fail with it, without trying each.
                batch.extend(rest);
                self.put_back(batch, &why);
                return false;
            }
            for op in batch {
                if let Op::Delivery(_, waiter) = op {
                    // The sender may be gone; the delivery is kept all the same.
                    let _ = waiter.send(Ok(()));
                }
            }
            batch = rest;
        }
        true
    }

    /// Writes what failed before, if the journal works again. What does not go in although
    /// others do, such as a delivery that is larger than the space that is left, must not
    /// stop them; with `give_up`, when a delivery has just been written, it is left out.
    fn catch_up(&mut self, give_up: bool, failing: &AtomicBool) {
        if self.backlog.is_empty() {
            return;
        }
        let mut stuck = Vec::new();
        let mut todo = vec![std::mem::take(&mut self.backlog)];
        while let Some(mut batch) = todo.pop() {
            let rest = batch.split_off(batch_end(&batch));
            if !rest.is_empty() {
                todo.push(rest);
            }
            if self.transact(&batch).is_ok() {
                continue;
            }
            if !self.works() {
                stuck.extend(batch);
                stuck.extend(todo.into_iter().rev().flatten());
                break;
            }
            if batch.len() > 1 {
                todo.push(batch.split_off(batch.len() / 2));
                todo.push(batch);
            } else if give_up {
                self.dropped += 1;
            } else {
                stuck.extend(batch);
            }
        }
        self.backlog = stuck;
        if !self.backlog.is_empty() {
            return;
        }
        if failing.swap(false, Ordering::Relaxed) {
            (self.report.0)(Health::Recovered(std::mem::take(&mut self.dropped)));
        }
    }

    /// Whether anything at all can be written.
    fn works(&self) -> bool {
        let sql = "INSERT OR REPLACE INTO meta VALUES ('probe', 0)";
        self.db.execute(sql, []).is_ok()
    }

    /// Writes a batch in one transaction.
    fn transact(&mut self, batch: &[Op]) -> rusqlite::Result<()> {
        if self.spoiled {
            let restarted = run_checkpoint(&self.db, "RESTART");
            self.spoiled = !matches!(restarted, Ok(Some(_)));
        }
        let result = transaction(&self.db, batch);
        match &result {
            Ok(()) => {
                let written: usize = batch.iter().map(|op| op.weight() + ROW_OVERHEAD).sum();
                self.written += written;
                self.wal += written;
            }
            Err(error) => {
                self.spoiled |= is_failed_sync(error);
                let _ = self.db.execute_batch("ROLLBACK");
            }
        }
        result
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
        // Once the WAL is to begin anew, another one would only be in the way of that.
        if self.written < CHECKPOINT || self.wal >= RESTART || self.is_checkpointing() {
            return;
        }
        self.written = 0;
        let path = self.path.clone();
        self.checkpointer = std::thread::Builder::new()
            .name("checkpoint".into())
            .spawn(move || {
                // One that fails is made up for by the next; nothing is lost.
                let _ = move_wal(&path);
            })
            .ok();
    }

    /// Has the next commit begin at the start of the WAL's file. Syncs, so it is for the
    /// thread alone. A checkpoint that is under way is waited for only when the WAL has
    /// become twice as large meanwhile: then the disk is too slow for what comes in, and
    /// senders have to wait for it.
    fn restart_wal(&mut self) {
        if self.wal < RESTART || (self.wal < 2 * RESTART && self.is_checkpointing()) {
            return;
        }
        self.checkpointer.take().map(JoinHandle::join);
        self.wal = 0;
        self.written = 0;
        let _ = run_checkpoint(&self.db, "RESTART");
    }

    fn is_checkpointing(&self) -> bool {
        let thread = self.checkpointer.as_ref();
        thread.is_some_and(|thread| !thread.is_finished())
    }
}

/// Moves the WAL into the main file on a connection of its own, until it has nearly caught
/// up with the commits beside it: then beginning the WAL anew, which commits have to wait
/// for, finds little to do.
fn move_wal(path: &Path) -> rusqlite::Result<()> {
    /// Pages, 1 MiB.
    const NEARLY: i64 = 256;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    let mut before = i64::MAX;
    while let Some(left) = run_checkpoint(&db, "PASSIVE")? {
        // It may also be that a reader holds it back, or that commits are faster.
        if left <= NEARLY || left > before / 2 {
            break;
        }
        before = left;
    }
    Ok(())
}

/// Runs a checkpoint and tells how many pages it left in the WAL; `None` where somebody
/// was in its way.
fn run_checkpoint(db: &Connection, mode: &str) -> rusqlite::Result<Option<i64>> {
    db.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        let (busy, all, moved): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok((busy == 0).then_some(all - moved))
    })
}

/// Whether the commit is in the file and yet not made.
fn is_failed_sync(error: &rusqlite::Error) -> bool {
    let code = error.sqlite_error().map(|error| error.extended_code);
    code == Some(rusqlite::ffi::SQLITE_IOERR_FSYNC)
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
            Op::Reserve(id) => rows::reserve(db, *id)?,
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
