//! Sending what is kept once more: one delivery, or many one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::Worker;
use crate::delivery::Outcome;
use crate::tui::msg::{Msg, Progress, Said};

/// The replays of many that are under way, if there are any.
#[derive(Debug, Clone, Default)]
pub(super) struct Replays(Arc<AtomicBool>);

impl Replays {
    /// Has no more of them sent.
    pub(super) fn stop(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Worker {
    pub(super) fn replay(&self, id: u64) {
        let (again, this) = (self.again.clone(), self.clone());
        self.intake_tasks_spawn(async move {
            let said = match again.replay(id, None).await {
                Ok(attempt) => match &attempt.outcome {
                    Outcome::Answered(answer) => Said {
                        text: format!("Replayed #{id}: {}", answer.status),
                        bad: answer.status >= 400,
                    },
                    Outcome::Failed(failure) => {
                        Said::bad(format!("Replayed #{id}: {}", failure.message))
                    }
                },
                Err(error) => Said::bad(format!("cannot replay #{id}: {error}")),
            };
            this.say(said);
        });
    }

    pub(super) fn replay_all(&self, ids: Vec<u64>) {
        let (again, this) = (self.again.clone(), self.clone());
        self.replays.0.store(false, Ordering::Relaxed);
        self.intake_tasks_spawn(async move {
            let mut progress = Progress {
                done: 0,
                total: ids.len(),
                failed: 0,
                ended: false,
            };
            for id in ids {
                if this.replays.0.load(Ordering::Relaxed) {
                    break;
                }
                // One that has been evicted meanwhile counts as failed.
                let is_fine = again
                    .replay(id, None)
                    .await
                    .is_ok_and(|attempt| attempt.status().is_some_and(|status| status < 400));
                progress.done += 1;
                progress.failed += usize::from(!is_fine);
                let _ = this.results.send(Msg::Progress(progress));
            }
            progress.ended = true;
            let _ = this.results.send(Msg::Progress(progress));
        });
    }

    /// Runs something on the listener's runtime that a stop waits for.
    fn intake_tasks_spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.intake.tasks().spawn_on(work, &self.runtime);
    }
}
