//! The journal's writer: group commit, on one of two threads.
//!
//! Everything that is queued goes into one transaction, and all who wait for it are told
//! together. A small commit is a few writes into the page cache, some 30 µs. Waking
//! another thread for it, and being woken by it, costs more than that, so the runtime's own
//! thread writes when it has nothing else to do ([`Journal::write_here`]). Whatever may take
//! longer is left to the writer thread: syncs (`--durable`), large bodies, a journal that
//! fails or has become slow, and what nobody waits for.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::sync::Notify;

use super::lock::Lock;
use super::op::{Health, Op};
use super::writer::Writer;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sleep {
    Awake,
    Lingering,
    Asleep,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    /// What is queued is still written.
    Closing,
    /// Nothing is written any more.
    Ended,
}

#[derive(Debug)]
struct Queue {
    ops: Vec<Op>,
    // The deliveries and verdicts in `ops`, and their bytes.
    deliveries: usize,
    weight: usize,
    // Attempts; nobody waits for these, so that they gather for longer.
    later: Vec<Op>,
    later_by: Option<Instant>,
    // Whether there is something in `ops` that attempts have to be written before.
    wants_all: bool,
    // Somebody wants the thread to write.
    urgent: bool,
    sleep: Sleep,
    stage: Stage,
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
        if !(all || self.wants_all || self.later_is_due()) {
            return std::mem::take(&mut self.ops);
        }
        self.wants_all = false;
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
                wants_all: false,
                urgent: false,
                sleep: Sleep::Awake,
                stage: Stage::Open,
                slow_until: None,
            }),
            wake: Condvar::new(),
            writer: Mutex::new(Writer::new(path, db, report)),
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
        if queue.stage == Stage::Ended {
            // Whoever waits for it learns that by its end.
            return;
        }
        let mut urgent = false;
        match op {
            Op::Attempt(_) => {
                queue.later.push(op);
                queue
                    .later_by
                    .get_or_insert_with(|| Instant::now() + LINGER);
            }
            Op::Delivery(..) | Op::Again(..) => {
                queue.deliveries += 1;
                queue.weight += op.weight();
                queue.ops.push(op);
                match self.here.get() {
                    Some(here) if self.may_write_here(&queue) => here.notify_one(),
                    _ => urgent = true,
                }
            }
            Op::Verdict(_) => {
                // Many come at once, which is work for the thread.
                queue.deliveries += 1;
                queue.weight += op.weight();
                queue.ops.push(op);
                urgent = true;
            }
            Op::Evict(_) | Op::Reserve(_) | Op::Note(..) | Op::Relay(..) | Op::Text(..) => {
                queue.wants_all |= matches!(op, Op::Evict(_));
                queue.ops.push(op);
            }
            Op::Barrier(_) => {
                queue.wants_all = true;
                queue.ops.push(op);
                urgent = true;
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
            && queue.stage == Stage::Open
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
        let hand_over = writer.wants_restart() || writer.is_behind();
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
        let mut queue = lock(&self.shared.queue);
        if queue.stage == Stage::Open {
            queue.stage = Stage::Closing;
        }
        drop(queue);
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
            let failed = lock(&self.writer).is_behind();
            self.wait(failed);
            // In this order: whoever has taken operations is the one who writes next.
            let mut writer = lock(&self.writer);
            let mut queue = lock(&self.queue);
            queue.sleep = Sleep::Awake;
            let closing = queue.stage == Stage::Closing;
            let ops = queue.take(closing);
            drop(queue);
            writer.write(ops, &self.failing);
            writer.checkpoint(closing);
            writer.restart_wal();
            if closing {
                let mut queue = lock(&self.queue);
                queue.stage = Stage::Ended;
                queue.ops.clear();
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
            if queue.stage == Stage::Closing
                || queue.urgent
                || forgotten
                || due(retry_at)
                || queue.later_is_due()
            {
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
