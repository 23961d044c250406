//! What the journal does with the database: transactions, checkpoints, and what is left
//! when a write fails.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use rusqlite::{Connection, OpenFlags, params};
use tokio::sync::oneshot;

use super::error::is_damage;
use super::lock::doubt;
use super::op::{Health, Op};
use super::{notes, relays, rows};

/// The most bytes of bodies in one transaction, so that a small delivery does not wait
/// for a dozen large ones.
const MAX_BATCH: usize = 16 << 20;
/// The most bytes of bodies that wait for a failing journal to recover.
const MAX_BACKLOG: usize = 64 << 20;
/// Bytes written to the WAL, near enough, after which its contents are moved into the
/// main file.
const CHECKPOINT: usize = 4 << 20;
/// The same, after which the WAL begins anew. As long as deliveries come without a pause
/// that takes a short one: whatever the checkpoints beside it have not moved yet.
const RESTART: usize = 128 << 20;
/// What a row costs in the WAL beside its body: its other columns and its share of
/// pages that are written again.
const ROW_OVERHEAD: usize = 1024;
/// What a commit costs there: the last page of each table is written again.
const COMMIT_OVERHEAD: usize = 8 << 10;

/// What to call when the journal's health changes.
struct Report(Box<dyn Fn(Health) + Send>);

impl std::fmt::Debug for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Report")
    }
}

/// The database behind the journal, and what could not be written to it yet.
#[derive(Debug)]
pub struct Writer {
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
    // The checkpointer's last work is for the WAL to begin anew.
    preparing: bool,
    // Behind the WAL's end there may be a commit that was given up. As long as the WAL goes
    // on, the next start could take it for one that is cut off by damage, see `wal`.
    spoiled: bool,
    report: Report,
}

impl Writer {
    /// The writer of an open database. `report` is called when its health changes.
    pub fn new(path: &Path, db: Connection, report: impl Fn(Health) + Send + 'static) -> Self {
        Self {
            db,
            path: path.to_owned(),
            backlog: Vec::new(),
            dropped: 0,
            written: 0,
            wal: 0,
            checkpointer: None,
            preparing: false,
            spoiled: false,
            report: Report(Box::new(report)),
        }
    }

    /// Whether there is something that could not be written.
    pub const fn is_behind(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Writes these, and then what failed before. In this order, because somebody waits for
    /// these, and because what failed may be what can never be written.
    pub fn write(&mut self, mut ops: Vec<Op>, failing: &AtomicBool) {
        if !self.backlog.is_empty() {
            // The deliveries that these are about may be waiting there.
            let is_behind = |op: &mut Op| matches!(op, Op::Evict(_) | Op::Verdict(_));
            self.backlog.extend(ops.extract_if(.., is_behind));
        }
        let delivers = ops
            .iter()
            .any(|op| matches!(op, Op::Delivery(..) | Op::Again(..)));
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
                if let Op::Delivery(_, waiter) | Op::Again(_, waiter) | Op::Barrier(waiter) = op {
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
                let rows: usize = batch.iter().map(|op| op.weight() + ROW_OVERHEAD).sum();
                let written = rows + COMMIT_OVERHEAD;
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
                Op::Delivery(delivery, waiter) | Op::Again(delivery, waiter) => {
                    let _ = waiter.send(Err(Arc::clone(why)));
                    // Nobody waits for it any more; but it may come once more, and is then
                    // written before this.
                    Op::Again(delivery, oneshot::channel().0)
                }
                Op::Barrier(waiter) => {
                    let _ = waiter.send(Err(Arc::clone(why)));
                    continue;
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
    pub fn checkpoint(&mut self, closing: bool) {
        if closing {
            self.checkpointer.take().map(JoinHandle::join);
            // One that fails is made up for at the next start; nothing is lost.
            let _ = run_checkpoint(&self.db, "TRUNCATE");
            return;
        }
        let wanted = self.written >= CHECKPOINT || self.wal >= RESTART;
        if !wanted || self.preparing || self.is_checkpointing() {
            return;
        }
        self.preparing = self.wal >= RESTART;
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

    /// Whether the next commit should begin at the start of the WAL's file: a checkpoint was
    /// made for that and has left little to do. One that is under way is waited for only
    /// when the WAL has become twice as large meanwhile: then the disk is too slow for what
    /// comes in, and senders have to wait for it.
    pub fn wants_restart(&self) -> bool {
        let ready = self.preparing && !self.is_checkpointing();
        self.wal >= RESTART && (ready || self.wal >= 2 * RESTART)
    }

    /// Has the next commit do that. Syncs, so it is for the thread alone.
    pub fn restart_wal(&mut self) {
        if !self.wants_restart() {
            return;
        }
        self.checkpointer.take().map(JoinHandle::join);
        self.preparing = false;
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
            Op::Again(delivery, _) => rows::write_delivery(db, delivery)?,
            Op::Verdict(delivery) => rows::update_verdict(db, delivery)?,
            Op::Attempt(attempt) => rows::insert_attempt(db, attempt)?,
            Op::Reserve(id) => rows::reserve(db, *id)?,
            Op::Evict(ids) => evict(db, ids)?,
            Op::Note(id, note) => notes::write(db, *id, *note)?,
            Op::Relay(id, row) => relays::write(db, *id, row)?,
            Op::Text(key, value) => notes::write_text(db, key, value)?,
            Op::Barrier(_) => {}
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
        for beside in [
            "DELETE FROM notes WHERE id BETWEEN ?1 AND ?2",
            "DELETE FROM relays WHERE id BETWEEN ?1 AND ?2",
        ] {
            db.prepare_cached(beside)?
                .execute(params![first.cast_signed(), last.cast_signed()])?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
