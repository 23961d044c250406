//! Verifying anew what is kept, once another secret is known.
//!
//! No delivery is missed. The secret is known before the scan looks which deliveries there
//! are, so one that comes later was either verified with it, or finds out after it has been
//! recorded that it was not, see [`if_outdated`].

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::controls::Controls;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::{judge, verify};
use crate::delivery::{Delivery, Verdict};
use crate::store::Store;

/// Deliveries that are looked up at once, and new verdicts that may wait for the journal.
const PIECE: usize = 64;
/// The bytes of those, near enough: each has its whole row written again.
const PIECE_BYTES: usize = 8 << 20;

/// What became of the verdicts of all that is kept.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rejudged {
    /// Deliveries that the new secret verifies.
    pub valid: usize,
    /// Deliveries that it does not verify either, unsigned ones included.
    pub not_valid: usize,
}

/// Verifies all that is kept anew. When the result is there, all are valid that can be; it
/// goes on where nobody waits for that.
pub(super) fn scan(store: Store, controls: Controls) -> oneshot::Receiver<Rejudged> {
    let (tell, told) = oneshot::channel();
    let scan = Scan {
        store,
        controls,
        runtime: Handle::current(),
        waiting: 0,
        bytes: 0,
    };
    tokio::task::spawn_blocking(move || scan.run(tell));
    told
}

/// Has a delivery that has just been recorded verified anew, if other secrets are known by
/// now than it was verified with.
pub(super) fn if_outdated(
    store: &Store,
    controls: &Controls,
    delivery: &Delivery,
    secrets: &Arc<[Secret]>,
) {
    let verdict = &delivery.request.verdict;
    if verdict.is_valid() || *verdict == Verdict::Unsigned || is_current(controls, secrets) {
        return;
    }
    let (store, controls, id) = (store.clone(), controls.clone(), delivery.id);
    tokio::task::spawn_blocking(move || judge_anew(&store, &controls, id));
}

fn is_current(controls: &Controls, secrets: &Arc<[Secret]>) -> bool {
    Arc::ptr_eq(secrets, &controls.secrets())
}

/// Verifies a kept delivery with all secrets, and finds out why none fits. Returns the bytes
/// of it if it has a new verdict. Several may do this at a time, with secrets that one of
/// them does not know yet; so whoever comes last makes sure that it was with all of them.
fn judge_anew(store: &Store, controls: &Controls, id: u64) -> Option<usize> {
    let mut changed = None;
    while let Some(kept) = store.get(id)
        && !kept.delivery.request.verdict.is_valid()
    {
        let request = &kept.delivery.request;
        let secrets = controls.secrets();
        let verdict = verify(&secrets, &request.headers, &request.body);
        if store.rejudge(id, verdict) {
            changed = Some(request.weight());
        }
        if is_current(controls, &secrets) {
            break;
        }
    }
    changed
}

/// One way through all that is kept.
struct Scan {
    store: Store,
    controls: Controls,
    runtime: Handle,
    // New verdicts that the journal may not have yet, and their bytes.
    waiting: usize,
    bytes: usize,
}

impl Scan {
    /// Blocks for as long as it takes; the newest deliveries come first.
    fn run(mut self, tell: oneshot::Sender<Rejudged>) {
        let mut done = Rejudged::default();
        let mut wrong = Vec::new();
        for piece in self.store.ids().rchunks(PIECE) {
            for kept in self.store.some(piece).into_iter().rev().flatten() {
                let request = &kept.delivery.request;
                if request.verdict.is_valid() {
                    continue;
                }
                let secrets = self.controls.secrets();
                let verdict = judge(&secrets, &request.headers, &request.body);
                match verdict {
                    Some(verdict) if verdict.is_valid() => {
                        done.valid += 1;
                        if self.store.rejudge(kept.delivery.id, verdict) {
                            self.wait_for_journal(request.weight());
                        }
                    }
                    Some(_) => done.not_valid += 1,
                    None => {
                        done.not_valid += 1;
                        wrong.push(kept.delivery.id);
                    }
                }
            }
        }
        // Whoever asked may be gone.
        let _ = tell.send(done);
        for id in wrong {
            if let Some(bytes) = judge_anew(&self.store, &self.controls, id) {
                self.wait_for_journal(bytes);
            }
        }
    }

    /// Waits now and then, so that what the ring lets go of does not gather in the journal's
    /// queue, and faces can follow.
    fn wait_for_journal(&mut self, bytes: usize) {
        self.waiting += 1;
        self.bytes += bytes;
        if self.waiting >= PIECE || self.bytes >= PIECE_BYTES {
            (self.waiting, self.bytes) = (0, 0);
            // A journal that fails has said so already.
            let _ = self.runtime.block_on(self.store.settled().wait());
        }
    }
}
