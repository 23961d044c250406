//! Sending what is kept once more: one delivery, or many one after the other.

use std::sync::{Arc, Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::{Worker, answered};
use crate::tui::msg::{Msg, Progress, Said};

/// The replays of many that are under way, if there are any.
#[derive(Debug, Clone, Default)]
pub(super) struct Replays(Arc<Mutex<CancellationToken>>);

impl Replays {
    /// Has no more of them sent.
    pub(super) fn stop(&self) {
        self.token().cancel();
    }

    /// Stops those under way, and begins anew.
    fn begin(&self) -> CancellationToken {
        let mut token = self.token();
        token.cancel();
        *token = CancellationToken::new();
        token.clone()
    }

    fn token(&self) -> std::sync::MutexGuard<'_, CancellationToken> {
        // A token is whole at any time.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Worker {
    pub(super) fn replay(&self, id: u64) {
        let this = self.clone();
        self.spawn(async move {
            this.say(match this.again.replay(id, None).await {
                Ok(attempt) => answered(&format!("Replayed #{id}"), &attempt),
                Err(error) => Said::bad(format!("cannot replay #{id}: {error}")),
            });
        });
    }

    /// Replays them in their order, each when the one before has been answered.
    pub(super) fn replay_all(&self, ids: Vec<u64>) {
        let (this, stop) = (self.clone(), self.replays.begin());
        self.spawn(async move {
            let mut progress = Progress {
                done: 0,
                total: ids.len(),
                failed: 0,
                ended: false,
            };
            // The first may take a while, and can be stopped too.
            this.tell(Msg::Progress(progress));
            for id in ids {
                if stop.is_cancelled() {
                    break;
                }
                let again = this.again.clone();
                // On its own, so that it ends as any other where nobody waits for it any more.
                let sent = this.spawn(async move { again.replay(id, None).await });
                let attempt = tokio::select! {
                    biased;
                    sent = sent => sent,
                    () = stop.cancelled() => {
                        // The one that is out is neither done nor stopped.
                        progress.total -= 1;
                        break;
                    }
                };
                // One that has been evicted meanwhile counts as failed.
                let is_fine = attempt
                    .ok()
                    .and_then(Result::ok)
                    .is_some_and(|attempt| attempt.status().is_some_and(|status| status < 400));
                progress.done += 1;
                progress.failed += usize::from(!is_fine);
                this.tell(Msg::Progress(progress));
            }
            progress.ended = true;
            this.tell(Msg::Progress(progress));
        });
    }

    /// Runs something on the listener's runtime that a stop waits for.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> tokio::task::JoinHandle<T> {
        self.intake.tasks().spawn_on(work, &self.runtime)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::msg::Effect;
    use crate::tui::work::test_bench::{Bench, said};

    async fn progress(bench: &mut Bench) -> Progress {
        match bench.next().await {
            Msg::Progress(progress) => progress,
            other => panic!("{other:?} is no progress"),
        }
    }

    #[tokio::test]
    async fn one_is_replayed_as_often_as_it_is_asked_for() {
        let mut bench = Bench::new().await;
        let id = bench.kept(b"{}").await;
        for _ in 0..3 {
            bench.worker.begin(Effect::Replay(id));
        }
        for _ in 0..3 {
            assert_eq!(said(bench.next().await), ("Replayed #1: 200".into(), false));
        }
        assert_eq!(bench.worker.store().get(id).unwrap().attempts.len(), 3);
        bench.app.answer(500, "no");
        bench.worker.begin(Effect::Replay(id));
        assert_eq!(said(bench.next().await), ("Replayed #1: 500".into(), true));
        bench.worker.begin(Effect::Replay(9));
        let gone = "cannot replay #9: there is no delivery #9";
        assert_eq!(said(bench.next().await), (gone.into(), true));
    }

    #[tokio::test]
    async fn many_go_one_after_the_other_and_survive_what_is_gone() {
        let mut bench = Bench::new().await;
        let bodies: [&[u8]; 4] = [b"1", b"2", b"3", b"4"];
        let mut ids = Vec::new();
        for body in bodies {
            ids.push(bench.kept(body).await);
        }
        bench.worker.store().delete(&ids[1..2]);
        bench.worker.begin(Effect::ReplayAll(ids));
        let mut last = progress(&mut bench).await;
        while !last.ended {
            last = progress(&mut bench).await;
        }
        let expected = Progress {
            done: 4,
            total: 4,
            failed: 1,
            ended: true,
        };
        assert_eq!(last, expected);
        let sent: Vec<_> = bench
            .app
            .asked()
            .iter()
            .map(|asked| asked.body.clone())
            .collect();
        assert_eq!(sent, ["1", "3", "4"]);
    }

    #[tokio::test]
    async fn a_stop_does_not_wait_for_the_app() {
        let mut bench = Bench::new().await;
        let mut ids = Vec::new();
        for body in [b"1", b"2", b"3"] {
            ids.push(bench.kept(body).await);
        }
        let first = ids[0];
        let door = bench.app.door.clone();
        let held = door.lock().await;
        bench.worker.begin(Effect::ReplayAll(ids.clone()));
        bench.app.wait_for(1).await;
        bench.worker.begin(Effect::StopReplays);
        let begun = Progress {
            done: 0,
            total: 3,
            failed: 0,
            ended: false,
        };
        assert_eq!(progress(&mut bench).await, begun);
        let ended = Progress {
            total: 2,
            ended: true,
            ..begun
        };
        assert_eq!(progress(&mut bench).await, ended);

        // The next begin anew, and the one that was out is recorded as any other.
        drop(held);
        bench.worker.begin(Effect::ReplayAll(ids[1..].to_vec()));
        let mut last = progress(&mut bench).await;
        while !last.ended {
            last = progress(&mut bench).await;
        }
        assert_eq!((last.done, last.failed), (2, 0));
        bench.app.wait_for(3).await;
        bench.settled().await;
        assert_eq!(bench.worker.store().get(first).unwrap().attempts.len(), 1);
    }
}
