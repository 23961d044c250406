//! Handing deliveries on: to the agent that is there, or to the queue for when it is.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::agents::{Agents, Link};
use super::answer::{AnswerBody, Reason, own};
use super::arrived::{Arrived, remove_ours};
use super::blame::{Blamed, blame};
use super::carrier::{Incoming, Load, NotSent};
use super::limits::Place;
use super::metrics::{Metrics, millis};
use super::pace::Pace;
use super::queue::{KeepError, PushError, Queue, Rank, Waiting};
use crate::http::headers::strip_hop_by_hop;
use crate::link::{Farewell, names};

/// What waits is read from the disk so much at a time.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 4 << 20;
/// An agent that does not keep what it is handed is tried again after these times.
const NOT_KEPT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// How long the rest of an answer may take that nobody wants.
const READ_OUT: Duration = Duration::from_secs(30);

/// Why an agent has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// Its connection broke; it may have got the delivery, which is so much to blame.
    Broke(u32),
    /// It cannot read the delivery, and never will.
    Refused,
    /// It takes no more, and has not begun with this one.
    Leaving,
    /// It took too long.
    Silent,
}

/// Whether an agent that says this of a delivery will say so again.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

/// Hands deliveries on; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub(super) agents: Agents,
    /// `None` where nothing is to wait.
    pub(super) queue: Option<Queue>,
    pub(super) metrics: Arc<Metrics>,
    /// How long an agent may take to answer.
    pub(super) patience: Duration,
    pub(super) blamed: Arc<Blamed>,
    pub(super) pace: Pace,
    /// Cancelled when the relay stops: what comes from then on goes to no agent.
    pub(super) stopping: CancellationToken,
}

impl Courier {
    /// How many wait for this name.
    pub(super) fn waiting(&self, name: &str) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.count(name))
    }

    /// Hands a delivery on and gives its answer. `may_wait` is its rank where it may wait for
    /// an agent.
    pub(super) async fn deliver(
        &self,
        name: &str,
        arrived: Arrived,
        place: Place,
        may_wait: Option<Rank>,
    ) -> Response<AnswerBody> {
        let links = self.agents.of(name);
        // What has waited goes first.
        let is_behind =
            self.stopping.is_cancelled() || (may_wait.is_some() && self.waiting(name) > 0);
        let Some((first, others)) = links.split_first().filter(|_| !is_behind) else {
            return self.keep(name, arrived, may_wait, Reason::Offline).await;
        };
        for other in others {
            self.copy_to(other, &arrived, false);
        }
        match self.hand(first, &arrived, false, None).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                strip_hop_by_hop(&mut parts.headers);
                remove_ours(&mut parts.headers);
                parts.version = http::Version::HTTP_11;
                let through = self.pace.begin(body, place, self.patience);
                Response::from_parts(parts, AnswerBody::Tunnel(through))
            }
            Err(Unanswered::Silent) => own(
                Reason::AgentSilent,
                &format!(
                    "no answer came through the tunnel within {} s",
                    self.patience.as_secs()
                ),
            ),
            Err(Unanswered::Leaving) => self.keep(name, arrived, may_wait, Reason::Offline).await,
            Err(Unanswered::Refused) => own(
                Reason::AgentRefused,
                "the other end of the tunnel cannot read this delivery",
            ),
            // The agent may have it, or not: it gets it again under the same id.
            Err(Unanswered::Broke(_)) => {
                self.keep(name, arrived, may_wait, Reason::TunnelBroke)
                    .await
            }
        }
    }

    /// Has a delivery wait, or says why not.
    async fn keep(
        &self,
        name: &str,
        arrived: Arrived,
        may_wait: Option<Rank>,
        why: Reason,
    ) -> Response<AnswerBody> {
        let Some((queue, rank)) = self.queue.as_ref().zip(may_wait) else {
            let why = match why {
                Reason::Offline if self.stopping.is_cancelled() => Reason::Draining,
                why => why,
            };
            let text = match why {
                Reason::Draining => "the relay is stopping; come again in a moment",
                Reason::TunnelBroke => "the tunnel broke before an answer came",
                _ => "no agent is connected to this tunnel right now",
            };
            return own(why, text);
        };
        let (this, queue, key) = (self.clone(), queue.clone(), Box::<str>::from(name));
        // A sender over HTTP/2 that takes its request back ends what answers it, and not this:
        // what is on the disk has to be seen to.
        let memory = arrived.memory.clone();
        let pushing = tokio::spawn(async move {
            let _memory = memory;
            queue.push_as(rank, &key, arrived.into_waiting()).await?;
            this.metrics.queued();
            this.see_to(&key);
            Ok(())
        });
        let pushed = pushing.await;
        match pushed.unwrap_or_else(|_| Err(KeepError::stopped().into())) {
            Ok(()) => own(Reason::Queued, "kept until the agent is back"),
            Err(PushError::Full) => own(
                Reason::QueueFull,
                "no agent is connected, and as much waits for it as may",
            ),
            Err(PushError::Kept(error)) => {
                tracing::debug!(name, %error, "a delivery could not be kept");
                own(
                    Reason::QueueFailed,
                    "the delivery could not be kept: try again",
                )
            }
        }
    }

    /// Sends a delivery through a connection.
    async fn hand(
        &self,
        link: &Link,
        arrived: &Arrived,
        waited: bool,
        room: Option<OwnedSemaphorePermit>,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Some(request) = arrived.request(waited) else {
            return Err(Unanswered::Refused);
        };
        let load = Load::new(arrived.body.clone(), arrived.memory.clone(), room);
        let asked = link.carrier.send(request, load);
        match timeout(self.patience, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::debug!(id = &*arrived.id, link = link.id(), %error, "no answer");
                // Others still wait for answers on it.
                if matches!(error, NotSent::Leaving) {
                    return Err(Unanswered::Leaving);
                }
                // One that takes no more requests and lives on, as when it has used up the
                // numbers that there are for them, is of no use any more.
                if matches!(error, NotSent::Ended(_) | NotSent::Broke { .. })
                    && !link.carrier.is_closed()
                {
                    let again = Farewell::new(Farewell::RESTART, "the connection is used up");
                    link.pulse.close(again);
                }
                Err(match error {
                    NotSent::Reset(h2::Reason::PROTOCOL_ERROR) => Unanswered::Refused,
                    error => Unanswered::Broke(blame(&error)),
                })
            }
            Err(_) => Err(Unanswered::Silent),
        }
    }

    /// Sends a copy to an agent that shares a name; nobody waits for its answer. One that takes
    /// too little of what it gets does not get all.
    fn copy_to(&self, link: &Arc<Link>, arrived: &Arrived, waited: bool) {
        let Some(room) = link.carrier.room(arrived.body.len()) else {
            tracing::debug!(id = &*arrived.id, link = link.id(), "no room for a copy");
            return;
        };
        let (this, link, arrived) = (self.clone(), Arc::clone(link), arrived.clone());
        tokio::spawn(async move {
            if let Ok(answer) = this.hand(&link, &arrived, waited, Some(room)).await {
                this.read_out(answer).await;
            }
        });
    }

    /// Reads an answer that nobody wants to its end, so that the agent sees it taken.
    async fn read_out(&self, answer: Response<Incoming>) {
        let mut body = answer.into_body();
        let reading = async { while let Some(Ok(_)) = body.frame().await {} };
        // One that does not end is given up.
        let _ = timeout(self.patience.min(READ_OUT), reading).await;
    }

    /// Has what waits for a name handed on, if an agent is there and nobody does so yet.
    pub(super) fn see_to(&self, name: &str) {
        if !self.has_to_do(name) {
            return;
        }
        let (this, name) = (self.clone(), Box::<str>::from(name));
        tokio::spawn(async move {
            // What is pushed, and who comes, when this is about to end finds it still at work;
            // so it looks again when it no longer is.
            while this.has_to_do(&name)
                && let Some(drained) = this.agents.begin_drain(&name)
            {
                this.drain(&name).await;
                drop(drained);
            }
        });
    }

    /// Whether something waits and somebody is there to take it.
    fn has_to_do(&self, name: &str) -> bool {
        let stops = self.stopping.is_cancelled();
        !stops && self.waiting(name) > 0 && !self.agents.of(name).is_empty()
    }

    /// Hands on what waits, in order, until nothing does or nobody is there.
    async fn drain(&self, name: &str) {
        let Some(queue) = &self.queue else {
            return;
        };
        let begun = Instant::now();
        let mut handed = 0_u64;
        let mut pause = NOT_KEPT[0];
        loop {
            let batch = match queue.first(name, BATCH, BATCH_BYTES).await {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(name, %error, "what waits cannot be read");
                    if self.is_left(name, &mut pause).await {
                        return;
                    }
                    continue;
                }
            };
            if batch.is_empty() {
                if handed > 0 {
                    let took_ms = millis(begun.elapsed());
                    tracing::info!(name, handed, took_ms, "handed on what waited");
                }
                return;
            }
            let whole = batch.len();
            let mut done = Vec::with_capacity(whole);
            for waiting in batch {
                if !self.agents.has(name) || self.stopping.is_cancelled() {
                    break;
                }
                let id = waiting.id.clone();
                if !self.hand_waiting(name, waiting).await {
                    break;
                }
                done.push(id);
            }
            let count = done.len();
            handed += count as u64;
            self.metrics.handed(count as u64);
            while let Err(error) = queue.all_done(done.clone()).await {
                tracing::error!(name, %error, "what was handed on cannot be taken from the queue");
                if self.is_left(name, &mut pause).await {
                    return;
                }
            }
            if count == whole {
                pause = NOT_KEPT[0];
            } else if self.is_left(name, &mut pause).await {
                return;
            }
        }
    }

    /// Waits until it should be tried again; at once true where nobody is there any more.
    async fn is_left(&self, name: &str, pause: &mut Duration) -> bool {
        if self.agents.of(name).is_empty() || self.stopping.is_cancelled() {
            return true;
        }
        sleep(*pause).await;
        *pause = (*pause * 2).min(NOT_KEPT[1]);
        false
    }

    /// Hands one on that has waited; true where it need not wait any longer.
    async fn hand_waiting(&self, name: &str, waiting: Waiting) -> bool {
        let Some(arrived) = Arrived::from_waiting(waiting) else {
            tracing::error!(
                name,
                "a delivery that waited cannot be read and is left out"
            );
            return true;
        };
        let links = self.agents.of(name);
        let Some((first, others)) = links.split_first() else {
            return false;
        };
        let room = first.carrier.wait_for_room(arrived.body.len());
        let Ok(room) = timeout(self.patience, room).await else {
            return false;
        };
        let answer = match self.hand(first, &arrived, true, room).await {
            Ok(answer) => answer,
            Err(why) => return self.is_hopeless(name, &arrived.id, why),
        };
        self.blamed.forget(name);
        if !answer.headers().contains_key(names::KEPT) {
            let status = answer.status();
            if !is_final(status) {
                return false;
            }
            // It will never be taken, and everything behind it would wait for ever.
            tracing::warn!(
                name,
                id = &*arrived.id,
                status = status.as_u16(),
                "the agent does not take a delivery that waited; it is dropped"
            );
            self.metrics.dropped();
        }
        for other in others {
            self.copy_to(other, &arrived, true);
        }
        self.read_out(answer).await;
        true
    }

    /// Whether one that has waited should not be tried again: everything behind it would wait
    /// as long as it does.
    fn is_hopeless(&self, name: &str, id: &str, why: Unanswered) -> bool {
        let is_hopeless = match why {
            Unanswered::Refused => true,
            Unanswered::Broke(blame) => self.blamed.note(name, id, blame),
            Unanswered::Silent | Unanswered::Leaving => false,
        };
        if is_hopeless {
            self.blamed.forget(name);
            self.metrics.dropped();
            tracing::error!(
                name,
                id,
                "a delivery that waited breaks the tunnel again and again; it is dropped"
            );
        }
        is_hopeless
    }
}

#[cfg(test)]
mod tests;
