//! What was delivered, and what came of it: a ring in memory, a journal on disk, and
//! the hub that ties them and tells the faces.
//!
//! [`Store`] is a handle; clones share one store. Its lock is never held across an
//! await. Recording, queueing for the journal and publishing happen under one lock, so
//! a face that subscribes sees every delivery exactly once.

mod changes;
mod connection;
mod error;
mod file;
mod hold;
mod identity;
mod journal;
mod known;
mod lock;
mod look;
mod notes;
mod notices;
mod op;
mod private;
mod reader;
mod reading;
mod relays;
mod repeats;
mod ring;
mod rows;
mod salvage;
mod told;
mod waiting;
mod wal;
mod warnings;
mod writer;

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

pub use error::{OpenError, is_damage};
pub use hold::Hold;
pub use notices::{Gap, Notices};
pub use reader::{Readable, Reader};
pub use reading::Limits;

use crate::config::StoreSettings;
use crate::delivery::{
    Attempt, Counts, Delivery, Kept, Notice, Outcome, OwnAnswer, Received, Refusal, Registration,
    Tunnel, Warning,
};
use journal::Journal;
use notices::Publisher;
use op::{Op, Saved};
use ring::{Gone, Ring};
use warnings::{warning_of, warnings_about};

/// Refused requests that are remembered.
const REFUSALS: usize = 100;
/// Evictions are journalled this many at a time, or when they are worth so many bytes; what
/// a crash leaves undone, the next start does.
const EVICTIONS: usize = 512;
const EVICTED_BYTES: usize = 16 << 20;
/// Ids are reserved in the journal this many at a time, ahead of use, so that none is
/// given twice even if the process is killed before it is written. A crash leaves a
/// gap of at most this size; a clean stop leaves none.
const RESERVE: u64 = 256;

/// A handle on the store.
#[derive(Debug, Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    notices: Publisher,
    journal: Option<Journal>,
    path: Option<PathBuf>,
    // How many `Hold`s there are.
    holds: AtomicUsize,
}

#[derive(Debug)]
struct State {
    ring: Ring,
    last_id: u64,
    // What is after it came in this run and is counted.
    found_id: u64,
    reserved: u64,
    evicted: Gone,
    // What an app is to get later; some of it may be tried or gone by now.
    waiting: BTreeSet<u64>,
    refusals: VecDeque<Arc<Refusal>>,
    counts: Counts,
    tunnel: Option<Arc<Tunnel>>,
    registrations: Arc<[Arc<Registration>]>,
    ended: bool,
}

/// The store at one moment; the receiver that comes with it goes on from there.
#[derive(Debug)]
pub struct Snapshot {
    /// What is in the ring, oldest first.
    pub kept: Vec<Kept>,
    /// What has happened since the start.
    pub counts: Counts,
    /// The newest requests that were turned away, oldest first.
    pub refusals: Vec<Arc<Refusal>>,
    /// The way in from a public URL, where there is one.
    pub tunnel: Option<Arc<Tunnel>>,
    /// The webhooks that are there for this listener.
    pub registrations: Arc<[Arc<Registration>]>,
    /// Whether no notice will follow.
    pub ended: bool,
}

/// A delivery that has been recorded.
#[derive(Debug)]
pub struct Recorded {
    /// The delivery with its id.
    pub delivery: Arc<Delivery>,
    /// Ready once it is in the journal.
    pub saved: Commit,
    /// Keeps it in the ring until it is dropped.
    pub hold: Hold,
}

/// Waits for the journal.
#[derive(Debug, Default)]
pub struct Commit {
    saved: Option<Saved>,
    // Whom to tell that the journal has this delivery: only who came through a relay may come
    // again and ask.
    remember: Option<(Store, u64)>,
}

impl Commit {
    /// Waits until the delivery is in the journal, or is known not to be.
    ///
    /// # Errors
    /// Why it is not there.
    pub async fn wait(self) -> Result<(), Arc<str>> {
        let Some(saved) = self.saved else {
            return Ok(());
        };
        let told = saved.await;
        let told = told.unwrap_or_else(|_| Err("the journal's thread has ended".into()));
        if let (Ok(()), Some((store, id))) = (&told, self.remember) {
            store.set_saved(id);
        }
        told
    }
}

impl Store {
    /// Opens the store, and fills the ring from its journal.
    ///
    /// The second part of the result is what the user should know: damage that was
    /// found, deliveries over the limits that were dropped.
    ///
    /// # Errors
    /// Where the journal cannot be used; nothing was changed then.
    pub fn open(settings: &StoreSettings) -> Result<(Self, Vec<Warning>), OpenError> {
        let mut ring = Ring::new(settings.keep, settings.keep_bytes);
        let notices = Publisher::new();
        let mut warnings = Vec::new();
        let mut last_id = 0;
        let mut waiting = BTreeSet::new();
        let mut journal = None;
        if let Some(path) = &settings.path {
            let limits = Limits {
                count: settings.keep,
                weight: settings.keep_bytes,
            };
            let (db, lock, found) = file::open(path, settings.durable, limits, RESERVE)?;
            last_id = found.last_id;
            waiting.extend(found.waiting.iter().copied());
            warnings = warnings_about(path, &found);
            for kept in found.kept {
                let id = kept.delivery.id;
                ring.push(kept, 0);
                ring.set_saved(id);
            }
            let notices = notices.clone();
            let shown = path.clone();
            let report = move |health| {
                notices.publish(|| Notice::Warning(Arc::new(warning_of(&shown, &health))));
            };
            journal = Some(
                Journal::start(path, settings.durable, db, lock, report).map_err(|source| {
                    OpenError::Io {
                        action: "start the journal's thread for",
                        path: settings.path.clone().unwrap_or_default(),
                        source,
                    }
                })?,
            );
        }
        let store = Self {
            shared: Arc::new(Shared {
                state: Mutex::new(State {
                    ring,
                    last_id,
                    found_id: last_id,
                    reserved: last_id + RESERVE,
                    evicted: Gone::default(),
                    waiting,
                    refusals: VecDeque::new(),
                    counts: Counts::default(),
                    tunnel: None,
                    registrations: Arc::default(),
                    ended: false,
                }),
                notices,
                journal,
                path: settings.path.clone(),
                holds: AtomicUsize::new(0),
            }),
        };
        Ok((store, warnings))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below is whole before anything in it can panic.
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives a delivery its id, keeps it, queues it for the journal and publishes it.
    pub fn record(&self, received: Received) -> Recorded {
        self.record_into(self.state(), received)
    }

    fn record_into(&self, mut state: MutexGuard<'_, State>, received: Received) -> Recorded {
        state.last_id += 1;
        let id = state.last_id;
        let is_relayed = received.relayed.is_some();
        state.counts.add_delivery(&received.verdict);
        let delivery = Arc::new(Delivery {
            id,
            request: received,
        });
        let gone = state.ring.push(Kept::new(Arc::clone(&delivery)), 1);
        self.reserve(&mut state);
        let saved = self.shared.journal.as_ref().map(|journal| {
            let (tell, saved) = oneshot::channel();
            journal.push(Op::Delivery(Arc::clone(&delivery), tell));
            saved
        });
        self.evict(&mut state, gone);
        self.publish(|| Notice::Delivery(Arc::clone(&delivery)));
        drop(state);
        Recorded {
            delivery,
            saved: Commit {
                saved,
                remember: is_relayed.then(|| (self.clone(), id)),
            },
            hold: Hold::new(self, id),
        }
    }

    /// Numbers and keeps an attempt, queues it for the journal and publishes it.
    pub fn record_attempt(&self, attempt: Attempt) -> Arc<Attempt> {
        let mut state = self.state();
        match attempt.outcome {
            Outcome::Answered(ref answer) => {
                state.counts.answered += 1;
                state.counts.errors += u64::from(answer.status >= 400);
            }
            Outcome::Failed(_) => state.counts.failed += 1,
        }
        state.waiting.remove(&attempt.delivery);
        let (attempt, gone) = state.ring.add_attempt(attempt);
        // Number 0 means that its delivery has been evicted, and so is the attempt.
        if attempt.n > 0
            && let Some(journal) = &self.shared.journal
        {
            journal.push(Op::Attempt(Arc::clone(&attempt)));
        }
        self.evict(&mut state, gone);
        self.publish(|| Notice::Attempt(Arc::clone(&attempt)));
        attempt
    }

    /// Publishes that a delivery was answered without asking an app.
    pub fn record_own_answer(&self, answer: OwnAnswer) {
        self.publish(|| Notice::Answered(Arc::new(answer)));
    }

    /// Counts, remembers and publishes a request that never became a delivery.
    pub fn record_refusal(&self, refusal: Refusal) {
        let refusal = Arc::new(refusal);
        let mut state = self.state();
        state.counts.refused += 1;
        if state.refusals.len() == REFUSALS {
            state.refusals.pop_front();
        }
        state.refusals.push_back(Arc::clone(&refusal));
        self.publish(|| Notice::Refused(refusal));
    }

    /// Counts a delivery whose sender was told that it could not be kept.
    pub fn count_unsaved(&self) {
        self.state().counts.unsaved += 1;
    }

    /// Publishes a warning.
    pub fn warn(&self, warning: Warning) {
        self.publish(|| Notice::Warning(Arc::new(warning)));
    }

    /// Tells the faces that nothing more will come.
    pub fn end_notices(&self) {
        let mut state = self.state();
        state.ended = true;
        self.publish(|| Notice::End);
    }

    /// The store as it is, and every notice from then on.
    pub fn subscribe(&self) -> (Snapshot, Notices) {
        let state = self.state();
        let snapshot = Snapshot {
            kept: state.ring.iter().cloned().collect(),
            counts: state.counts,
            refusals: state.refusals.iter().cloned().collect(),
            tunnel: state.tunnel.clone(),
            registrations: Arc::clone(&state.registrations),
            ended: state.ended,
        };
        (snapshot, self.shared.notices.subscribe())
    }

    /// Writes to the journal whenever the caller's thread has nothing else to do, see
    /// [`Journal::write_here`]. Never ends.
    pub async fn write_here(&self) {
        match &self.shared.journal {
            Some(journal) => journal.write_here().await,
            None => std::future::pending().await,
        }
    }

    /// Writes what is queued and ends the journal. Blocks; call it last.
    pub fn close(&self) {
        if let Some(journal) = &self.shared.journal {
            let mut state = self.state();
            let rest = std::mem::take(&mut state.evicted).ids;
            if !rest.is_empty() {
                journal.push(Op::Evict(rest));
            }
            // Gives back the ids that were reserved and not used.
            journal.push(Op::Reserve(state.last_id));
            drop(state);
            journal.close();
        }
    }

    fn publish(&self, notice: impl FnOnce() -> Notice) {
        self.shared.notices.publish(notice);
    }

    fn reserve(&self, state: &mut State) {
        if let Some(journal) = &self.shared.journal
            && state.last_id + RESERVE / 2 >= state.reserved
        {
            state.reserved = state.last_id + RESERVE;
            journal.push(Op::Reserve(state.reserved));
        }
    }

    fn evict(&self, state: &mut State, gone: Gone) {
        state.counts.evicted += gone.ids.len() as u64;
        state.let_go(&gone.ids);
        let Some(journal) = &self.shared.journal else {
            return;
        };
        state.evicted.ids.extend(gone.ids);
        state.evicted.weight += gone.weight;
        if state.evicted.ids.len() >= EVICTIONS || state.evicted.weight >= EVICTED_BYTES {
            journal.push(Op::Evict(std::mem::take(&mut state.evicted).ids));
        }
    }
}
