//! The thread that writes the queue.

use std::collections::HashMap;
use std::sync::Weak;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::oneshot;

use super::gone::Gone;
use super::{KeepError, Limits, Op, PushError, Shared, Tally, rows};

/// The most operations in one commit.
const BATCH: usize = 1024;
/// How often it is looked for what has become too old, and for pages to give back.
const SWEEP: Duration = Duration::from_secs(30);

/// How often it is tried again to write where that fails.
const AGAIN: Duration = Duration::from_secs(1);
/// How often it is said that it fails, at most.
const SAY: Duration = Duration::from_mins(1);

/// Changes of what waits, until they are committed.
type Changes = HashMap<Box<str>, Tally>;

struct Writer<'a> {
    db: Connection,
    shared: &'a Weak<Shared>,
    limits: Limits,
    /// The last commit failed.
    failing: bool,
    /// When that was said last, and whether it has not been taken back since.
    said_at: Option<Instant>,
    is_said: bool,
    gone: Gone,
}

/// Does what comes in until nobody has a handle any more.
pub(super) fn run(db: Connection, ops: &Receiver<Op>, shared: &Weak<Shared>, limits: Limits) {
    let mut writer = Writer {
        db,
        shared,
        limits,
        failing: false,
        said_at: None,
        is_said: false,
        gone: Gone::default(),
    };
    // A short time to live is swept more often.
    let sweep = SWEEP.min(limits.age.div_f64(4.0).max(Duration::from_millis(50)));
    let mut next = Instant::now() + sweep;
    loop {
        let left = next.saturating_duration_since(Instant::now());
        match ops.recv_timeout(left) {
            Ok(first) => {
                let mut batch = vec![first];
                batch.extend(ops.try_iter().take(BATCH - 1));
                writer.handle(batch);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        if writer.failing {
            next = next.min(Instant::now() + AGAIN);
        }
        if Instant::now() >= next {
            writer.sweep();
            let wait = if writer.failing {
                sweep.min(AGAIN)
            } else {
                sweep
            };
            next = Instant::now() + wait;
        }
    }
}

/// What one commit does.
struct Turn<'a> {
    shared: &'a Shared,
    limits: Limits,
    changes: Changes,
    replies: Vec<Reply>,
    /// Those that are to wait no longer.
    done: Vec<Box<str>>,
}

impl Turn<'_> {
    /// Does one operation; with no database, after a failure, it is only noted who waits for
    /// it. Who is turned away is told at once.
    fn take(&mut self, db: Option<&Connection>, write: Op) -> rusqlite::Result<()> {
        match write {
            Op::Push {
                rank,
                name,
                waiting,
                reply,
                room,
            } => {
                let size = waiting.size();
                let mut tally = self.shared.tally(&name);
                tally.add(self.changes.get(&name).copied().unwrap_or_default());
                if !self.limits.allow(tally, size) {
                    let _ = reply.send(Err(PushError::Full));
                    return Ok(());
                }
                self.replies.push(Reply::Push(reply, room));
                if let Some(db) = db
                    && rows::insert(db, rank, &name, &waiting)?
                {
                    let bytes = i64::try_from(size).unwrap_or(i64::MAX);
                    let change = self.changes.entry(name).or_default();
                    change.add(Tally { count: 1, bytes });
                }
            }
            Op::Done { ids, reply } => {
                self.replies.push(Reply::Done(reply));
                self.done.extend(ids.iter().cloned());
                let Some(db) = db else { return Ok(()) };
                for id in ids {
                    if let Some((name, change)) = rows::delete(db, &id)? {
                        self.changes.entry(name).or_default().add(change);
                    }
                }
            }
            Op::First { .. } | Op::Recount(_) => {}
        }
        Ok(())
    }
}

/// Writes all of it in one transaction, and what was `gone` before.
fn commit(
    db: &mut Connection,
    writes: Vec<Op>,
    turn: &mut Turn<'_>,
    gone: &Gone,
) -> rusqlite::Result<()> {
    let begun = db.transaction_with_behavior(TransactionBehavior::Immediate);
    let (transaction, mut written) = match begun {
        Ok(transaction) => {
            let deleted = gone.delete(&transaction);
            (Some(transaction), deleted)
        }
        Err(error) => (None, Err(error)),
    };
    for write in writes {
        let db = transaction.as_deref().filter(|_| written.is_ok());
        let taken = turn.take(db, write);
        written = written.and(taken);
    }
    // One that is dropped is rolled back.
    written.and_then(|()| transaction.map_or(Ok(()), rusqlite::Transaction::commit))
}

/// Who is told once a batch is committed. With a delivery's answer goes its share of the
/// memory.
enum Reply {
    Push(
        oneshot::Sender<Result<(), PushError>>,
        tokio::sync::OwnedSemaphorePermit,
    ),
    Done(oneshot::Sender<Result<(), KeepError>>),
}

impl Writer<'_> {
    /// Commits what is to be written, tells those who wait, and then reads.
    fn handle(&mut self, batch: Vec<Op>) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let is_read = |op: &Op| matches!(op, Op::First { .. } | Op::Recount(_));
        let (reads, writes): (Vec<_>, Vec<_>) = batch.into_iter().partition(is_read);
        if !writes.is_empty() {
            self.write(&shared, writes);
        }
        for read in reads {
            match read {
                Op::First { name, most, reply } => {
                    let cutoff = rows::cutoff(self.limits.age);
                    let found = rows::first(&self.db, &name, most, cutoff, &self.gone);
                    let _ = reply.send(found.map_err(KeepError::from));
                }
                Op::Recount(reply) => {
                    let _ = reply.send(self.recount(&shared).map_err(KeepError::from));
                }
                Op::Push { .. } | Op::Done { .. } => {}
            }
        }
    }

    fn write(&mut self, shared: &Shared, writes: Vec<Op>) {
        let mut turn = Turn {
            shared,
            limits: self.limits,
            changes: Changes::new(),
            replies: Vec::with_capacity(writes.len()),
            done: Vec::new(),
        };
        let written = commit(&mut self.db, writes, &mut turn, &self.gone);
        self.tried(shared, &written);
        let mut done = Ok(());
        if written.is_ok() {
            // Before anybody is told, so that who is told finds it counted.
            shared.apply(turn.changes);
        } else {
            done = self.gone.remember(&self.db, shared, turn.done);
            self.make_room();
            if !self.gone.is_empty() {
                self.write_again(shared);
            }
        }
        let written = written.map_err(KeepError::from);
        let done = done.map_err(KeepError::from);
        for reply in turn.replies {
            // Whoever waited may be gone.
            match reply {
                Reply::Push(reply, _room) => {
                    drop(reply.send(written.clone().map_err(PushError::Kept)));
                }
                Reply::Done(reply) => drop(reply.send(done.clone())),
            }
        }
    }

    /// Notes what came of writing.
    fn tried(&mut self, shared: &Shared, written: &rusqlite::Result<()>) {
        match written {
            Ok(()) => {
                self.gone.forget();
                if std::mem::take(&mut self.is_said) {
                    tracing::info!("deliveries can be kept again");
                }
            }
            Err(error) if self.said_at.is_none_or(|at| at.elapsed() > SAY) => {
                tracing::error!(%error, "deliveries cannot be kept, nor taken from the disk");
                (self.said_at, self.is_said) = (Some(Instant::now()), true);
            }
            Err(_) => {}
        }
        self.failing = written.is_err();
        shared.failing.store(self.failing, Ordering::Relaxed);
    }

    /// Frees what can be freed on a full disk: the log of changes, once they are all in the
    /// file.
    fn make_room(&self) {
        // What it answers is of no interest: whether it was of use is seen next.
        let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
        let _ = self.db.query_row(checkpoint, [], |_| Ok(()));
    }

    /// Takes from the disk what was handed on, or sees at least whether it can be written.
    fn write_again(&mut self, shared: &Shared) {
        let write = |db: &mut Connection, gone: &Gone| -> rusqlite::Result<()> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            rows::probe(&transaction)?;
            gone.delete(&transaction)?;
            transaction.commit()
        };
        let written = write(&mut self.db, &self.gone);
        self.tried(shared, &written);
    }

    fn recount(&mut self, shared: &Shared) -> rusqlite::Result<()> {
        let mut tallies = rows::tallies(&self.db)?;
        self.gone.discount(&self.db, &mut tallies)?;
        *shared.tallies() = tallies;
        Ok(())
    }

    /// Deletes what has become too old.
    fn sweep(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        if self.failing {
            self.make_room();
            self.write_again(&shared);
        }
        // What is gone would be counted twice.
        if self.failing {
            return;
        }
        let cutoff = rows::cutoff(self.limits.age);
        let expire = |db: &mut Connection| -> rusqlite::Result<Changes> {
            let transaction = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let old = rows::expire(&transaction, cutoff)?;
            if !old.is_empty() {
                transaction.commit()?;
            }
            Ok(old)
        };
        match expire(&mut self.db) {
            Ok(old) => {
                let count: i64 = old.values().map(|tally| tally.count).sum();
                if count > 0 {
                    tracing::warn!(count, "deliveries have waited too long and are deleted");
                    shared
                        .expired
                        .fetch_add(count.cast_unsigned(), Ordering::Relaxed);
                    let gone = old.into_iter().map(|(name, tally)| {
                        let (count, bytes) = (-tally.count, -tally.bytes);
                        (name, Tally { count, bytes })
                    });
                    shared.apply(gone.collect());
                }
            }
            Err(error) => tracing::warn!(%error, "cannot look for deliveries that are too old"),
        }
        // One that fails is made up for by the next.
        let _ = rows::shrink(&self.db);
    }
}
