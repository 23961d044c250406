//! The pipeline that every delivery passes: read, verify, record, forward, answer.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{Request, Response, StatusCode};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{AnswerBody, own};
use super::backlog::{Backlog, Running};
use super::behind::Behind;
use super::canary::CanaryKey;
use super::clock::now;
use super::controls::Controls;
use super::examiner::Examiner;
use super::forward::{Errand, Forwarder, Head};
use super::peer::Peer;
use super::plan::Plan;
use super::receive::{Source, Whole};
use super::rejudge;
use super::unstoppable::Unstoppable;
use crate::cakemail::signature::Secret;
use crate::config::Target;
use crate::delivery::{
    Answerer, Cause, Delivery, Failure, FailureCode, OwnAnswer, Received, Relayed,
};
use crate::http::body::{Budget, Limits, Reservation};
use crate::http::headers;
use crate::store::{Recorded, Store};

/// Header blocks over this many bytes are refused.
pub const MAX_HEADERS: usize = 64 << 10;
/// How long the next chunk of a body may take.
const BODY_IDLE: Duration = Duration::from_secs(30);
/// Memory for bodies that are being received or forwarded or wait for the journal, and for
/// connections. What else there is with a thousand of them (buffers, the journal's own copies,
/// what the allocator has not given back yet on a busy machine) was seen to take up to
/// 165 MiB, and all of it is to stay under 256 MiB beside the ring.
const BODIES: usize = 64 << 20;

/// The pipeline with all that it needs. One serves every door.
#[derive(Debug)]
pub struct Intake {
    pub(super) store: Store,
    pub(super) controls: Controls,
    pub(super) examiner: Examiner,
    /// `None` until somebody may send canaries.
    pub(super) canary: OnceLock<CanaryKey>,
    forwarder: Arc<Forwarder>,
    pub(super) limits: Limits,
    pub(super) budget: Arc<Budget>,
    behind: Arc<Behind>,
    pub(super) backlog: Arc<Backlog>,
    pub(super) tasks: TaskTracker,
    hurry: CancellationToken,
}

/// What comes along with a delivery that is recorded.
pub(super) struct Along {
    pub(super) head: Head,
    pub(super) secrets: Arc<[Secret]>,
    pub(super) reservation: Reservation,
}

/// What the sender is answered.
pub(super) struct Said {
    pub(super) answer: Response<AnswerBody>,
    /// Whether the delivery is in the store to stay.
    pub(super) kept: bool,
}

impl Intake {
    /// A pipeline for these connections. `hurry` makes it give up waiting for apps.
    pub fn new(
        store: Store,
        controls: Controls,
        forwarder: Arc<Forwarder>,
        max_body: u64,
        connections: TaskTracker,
        hurry: CancellationToken,
    ) -> Arc<Self> {
        // One that is received and one that is forwarded always fit.
        let largest = usize::try_from(max_body).unwrap_or(usize::MAX);
        let least = largest.saturating_mul(2);
        let tasks = TaskTracker::new();
        let behind = Behind::new(&store, &forwarder, largest, &tasks);
        let running = Running {
            tasks: tasks.clone(),
            stop: CancellationToken::new(),
            hurry: hurry.clone(),
        };
        let backlog = Backlog::new(&store, &controls, &forwarder, &behind, largest, running);
        Arc::new(Self {
            store,
            behind,
            backlog,
            examiner: Examiner::new(controls.clone()),
            controls,
            canary: OnceLock::new(),
            forwarder,
            limits: Limits {
                max: max_body,
                idle: BODY_IDLE,
                expects_continue: false,
                head: 0,
            },
            budget: Budget::new(BODIES.max(least), least, connections),
            tasks,
            hurry,
        })
    }

    /// Forwards that are under way, for a stop to wait for.
    pub const fn tasks(&self) -> &TaskTracker {
        &self.tasks
    }

    /// How many forwards are under way, replays and further targets included.
    pub fn in_flight(&self) -> usize {
        self.store.holds()
    }

    /// The store behind it.
    pub const fn store(&self) -> &Store {
        &self.store
    }

    /// Takes a request through the whole pipeline. A sender that hangs up ends the
    /// reading of its body, but nothing that comes after.
    pub async fn deliver(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
    ) -> Response<AnswerBody> {
        let whole = match self.receive(request, peer, Source::Sender).await {
            Ok(whole) => whole,
            Err(away) => return away.answer,
        };
        if let Some(answer) = self.canary(&whole, false).await {
            return answer;
        }
        let this = Arc::clone(self);
        let work = async move {
            let (received, along) = this.examine(whole, None).await;
            let recorded = this.store.record(received);
            this.handle(recorded, along).await.answer
        };
        self.to_the_end(work).await
    }

    /// Does what nobody can stop by hanging up, until it is too late to wait for apps.
    pub(super) async fn to_the_end(
        &self,
        work: impl Future<Output = Response<AnswerBody>> + Send + 'static,
    ) -> Response<AnswerBody> {
        let work = Unstoppable::new(work, &self.tasks);
        tokio::select! {
            biased;
            answer = work => answer,
            () = self.hurry.cancelled() => own(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping before the app has answered; the delivery is kept",
            ),
        }
    }

    /// What is to be recorded of a request.
    pub(super) async fn examine(
        &self,
        whole: Whole,
        relayed: Option<Box<Relayed>>,
    ) -> (Received, Along) {
        let Whole {
            parts,
            body,
            reservation,
            peer,
        } = whole;
        let kept_headers = headers::to_kept(&parts.headers);
        let (verdict, event, secrets) = self.examiner.examine(&kept_headers, &body).await;
        let received = Received {
            received_at: now(),
            peer: (&*peer.text).into(),
            method: parts.method.as_str().into(),
            path_and_query: parts
                .uri
                .path_and_query()
                .map_or("/", |p| p.as_str())
                .into(),
            headers: kept_headers,
            body,
            event,
            verdict,
            original: None,
            relayed,
        };
        let head = Head {
            method: parts.method,
            headers: parts.headers,
            extensions: parts.extensions,
            peer: Some(peer.address.ip()),
            https: peer.https,
        };
        let along = Along {
            head,
            secrets,
            reservation,
        };
        (received, along)
    }

    /// Does with a delivery that has just been recorded what the policy says.
    pub(super) async fn handle(self: &Arc<Self>, recorded: Recorded, along: Along) -> Said {
        rejudge::if_outdated(
            &self.store,
            &self.controls,
            &recorded.delivery,
            &along.secrets,
        );
        match self.plan(&recorded.delivery) {
            (Plan::Answer(status, why), _) => self.keep(recorded, status, why.text()).await,
            (Plan::Forward(targets), ack) => {
                let reservation = Arc::new(along.reservation);
                self.forward(recorded, along.head, targets, ack, reservation)
                    .await
            }
        }
    }

    /// What is to be done with a delivery now, and whether its sender waits for the app.
    pub(super) fn plan(&self, delivery: &Delivery) -> (Plan, bool) {
        let (policy, paused) = (self.controls.policy(), self.controls.is_paused());
        (Plan::of(&policy, paused, &delivery.request), policy.ack)
    }

    /// Answers by itself, once the delivery is safe.
    async fn keep(&self, recorded: Recorded, status: StatusCode, reason: &'static str) -> Said {
        if recorded.saved.wait().await.is_err() {
            return self.unsaved(&recorded.delivery);
        }
        self.answer(&recorded.delivery, status, reason)
    }

    pub(super) async fn forward(
        self: &Arc<Self>,
        recorded: Recorded,
        head: Head,
        mut targets: Vec<Target>,
        ack: bool,
        reservation: Arc<Reservation>,
    ) -> Said {
        let Recorded {
            delivery,
            saved,
            hold,
        } = recorded;
        // While the journal fails, no app is asked before the delivery is safe: its
        // sender will be told to try again.
        let mut saved = Some(saved);
        if (ack || self.store.is_failing())
            && let Some(saved) = saved.take()
            && saved.wait().await.is_err()
        {
            return self.unsaved(&delivery);
        }
        let awaited = usize::from(!ack).min(targets.len());
        for target in targets.drain(awaited..) {
            let reservation = ack.then_some(&reservation);
            self.behind
                .forward(&delivery, head.copy(), target, &hold, reservation);
        }
        let Some(first) = targets.first() else {
            return self.answer(&delivery, StatusCode::OK, "acknowledged at once (--ack)");
        };
        let errand = Errand {
            delivery: &delivery,
            head,
            target: first,
            cause: Cause::Live,
            hold,
            room: Some(Arc::clone(&reservation)),
            tell: None,
        };
        // The journal writes meanwhile; it is asked only now that somebody has to wait.
        let answer = self.forwarder.send(&self.store, errand).await;
        if let Some(saved) = saved
            && saved.wait().await.is_err()
        {
            return self.unsaved(&delivery);
        }
        // Until now the journal has held the body, however fast the app has answered.
        drop(reservation);
        Said {
            answer: answer.unwrap_or_else(|failure| answer_of_failure(&failure)),
            kept: true,
        }
    }

    /// An answer of cmhook's own to what is kept.
    fn answer(&self, delivery: &Delivery, status: StatusCode, reason: &'static str) -> Said {
        self.store.record_own_answer(OwnAnswer {
            delivery: delivery.id,
            by: Answerer::Cmhook,
            status: status.as_u16(),
            reason,
        });
        Said {
            answer: own(status, reason),
            kept: true,
        }
    }

    /// The journal does not have it, so the sender must not believe that it is kept.
    fn unsaved(&self, delivery: &Delivery) -> Said {
        self.store.count_unsaved();
        let said = self.answer(delivery, StatusCode::SERVICE_UNAVAILABLE, UNSAVED);
        Said {
            kept: false,
            ..said
        }
    }
}

/// Said where the journal fails.
pub(super) const UNSAVED: &str =
    "the store cannot be written, so nothing is acknowledged: try again";

/// What the sender is told when the app gave no answer: something that makes it try
/// again later.
fn answer_of_failure(failure: &Failure) -> Response<AnswerBody> {
    let status = match failure.code {
        FailureCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    own(status, &failure.message)
}
