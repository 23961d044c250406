//! Handing deliveries on: to the agent that is there, or to the queue for when it is.

use std::sync::Arc;
use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::BodyExt as _;
use tokio::time::{Instant, sleep, timeout};

use super::agents::{Agents, Link};
use super::answer::{AnswerBody, Reason, own};
use super::arrived::{Arrived, remove_ours};
use super::carrier::{Incoming, NotSent};
use super::limits::Place;
use super::metrics::{Metrics, millis};
use super::queue::{PushError, Queue, Rank, Waiting};
use crate::http::headers::strip_hop_by_hop;
use crate::link::{Farewell, names};

/// What waits is read from the disk so much at a time.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 4 << 20;
/// An agent that does not keep what it is handed is tried again after these times.
const NOT_KEPT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// Why an agent has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// Its connection broke; it may have got the delivery.
    Broke,
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
        let is_behind = may_wait.is_some() && self.waiting(name) > 0;
        let Some((first, others)) = links.split_first().filter(|_| !is_behind) else {
            return self.keep(name, arrived, may_wait, Reason::Offline).await;
        };
        for other in others {
            self.copy_to(other, &arrived, false);
        }
        match self.hand(first, &arrived, false).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                strip_hop_by_hop(&mut parts.headers);
                remove_ours(&mut parts.headers);
                parts.version = http::Version::HTTP_11;
                Response::from_parts(parts, AnswerBody::through(body, place))
            }
            Err(Unanswered::Silent) => own(
                Reason::AgentSilent,
                &format!(
                    "no answer came through the tunnel within {} s",
                    self.patience.as_secs()
                ),
            ),
            Err(Unanswered::Leaving) => self.keep(name, arrived, may_wait, Reason::Offline).await,
            // The agent may have it, or not: it gets it again under the same id.
            Err(Unanswered::Broke) => {
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
            let text = match why {
                Reason::TunnelBroke => "the tunnel broke before an answer came",
                _ => "no agent is connected to this tunnel right now",
            };
            return own(why, text);
        };
        match queue.push_as(rank, name, arrived.into_waiting()).await {
            Ok(()) => {
                self.metrics.queued();
                self.see_to(name);
                own(Reason::Queued, "kept until the agent is back")
            }
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
    ) -> Result<Response<Incoming>, Unanswered> {
        let Some(request) = arrived.request(waited) else {
            return Err(Unanswered::Broke);
        };
        let asked = link.carrier.send(request, arrived.body.clone());
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
                if matches!(error, NotSent::Ended(_)) && !link.carrier.is_closed() {
                    let again = Farewell::new(Farewell::RESTART, "the connection is used up");
                    link.pulse.close(again);
                }
                Err(Unanswered::Broke)
            }
            Err(_) => Err(Unanswered::Silent),
        }
    }

    /// Sends a copy to an agent that shares a name; nobody waits for its answer.
    fn copy_to(&self, link: &Arc<Link>, arrived: &Arrived, waited: bool) {
        let (this, link, arrived) = (self.clone(), Arc::clone(link), arrived.clone());
        tokio::spawn(async move {
            if let Ok(answer) = this.hand(&link, &arrived, waited).await {
                let mut body = answer.into_body();
                while let Some(Ok(_)) = body.frame().await {}
            }
        });
    }

    /// Has what waits for a name handed on, if an agent is there and nobody does so yet.
    pub(super) fn see_to(&self, name: &str) {
        if self.waiting(name) == 0 || !self.agents.has(name) {
            return;
        }
        let (this, name) = (self.clone(), Box::<str>::from(name));
        tokio::spawn(async move {
            // What is pushed when the last one was just read finds this still at work; so it
            // looks again when it no longer is.
            while let Some(drained) = this.agents.begin_drain(&name) {
                let goes_on = this.drain(&name).await;
                drop(drained);
                if !goes_on || this.waiting(&name) == 0 {
                    return;
                }
            }
        });
    }

    /// Hands on what waits, in order; false where there is nobody to hand it to.
    async fn drain(&self, name: &str) -> bool {
        let Some(queue) = &self.queue else {
            return false;
        };
        let begun = Instant::now();
        let mut handed = 0_u64;
        let mut pause = NOT_KEPT[0];
        loop {
            let batch = match queue.first(name, BATCH, BATCH_BYTES).await {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(name, %error, "what waits cannot be read");
                    return false;
                }
            };
            if batch.is_empty() {
                if handed > 0 {
                    let took_ms = millis(begun.elapsed());
                    tracing::info!(name, handed, took_ms, "handed on what waited");
                }
                return true;
            }
            let whole = batch.len();
            let mut done = Vec::with_capacity(whole);
            for waiting in batch {
                if !self.agents.has(name) {
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
            if let Err(error) = queue.all_done(done).await {
                tracing::error!(name, %error, "what was handed on cannot be taken from the queue");
                return false;
            }
            if count < whole {
                if self.agents.of(name).is_empty() {
                    return false;
                }
                sleep(pause).await;
                pause = (pause * 2).min(NOT_KEPT[1]);
            } else {
                pause = NOT_KEPT[0];
            }
        }
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
        let Ok(answer) = self.hand(first, &arrived, true).await else {
            return false;
        };
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
        }
        for other in others {
            self.copy_to(other, &arrived, true);
        }
        let mut body = answer.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        true
    }
}
