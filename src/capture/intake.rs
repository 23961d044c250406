//! The pipeline that every delivery passes: read, verify, record, forward, answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::answer::{AnswerBody, own};
use super::behind::Behind;
use super::clock::now;
use super::controls::Controls;
use super::examiner::Examiner;
use super::forward::{Errand, Forwarder, Head};
use super::peer::Peer;
use super::plan::Plan;
use super::refusal::{line_of, refusal_of};
use super::rejudge;
use super::unstoppable::Unstoppable;
use crate::config::Target;
use crate::delivery::{
    Cause, Delivery, Failure, FailureCode, OwnAnswer, Received, Refusal, RefusalCode,
};
use crate::http::body::{self, BodyError, Budget, Limits, Reservation};
use crate::http::headers;
use crate::store::{Recorded, Store};

/// Header blocks over this many bytes are refused.
pub const MAX_HEADERS: usize = 64 << 10;
/// How long the next chunk of a body may take.
const BODY_IDLE: Duration = Duration::from_secs(30);
/// Memory for bodies that are being received or forwarded or wait for the journal, and for
/// connections. What else there is with a thousand of them (buffers, the journal's own copies,
/// what the allocator has not given back yet on a busy machine) was seen to take up to
/// 150 MiB, and all of it is to stay under 256 MiB beside the ring.
const BODIES: usize = 96 << 20;

/// The pipeline with all that it needs. One serves every door.
#[derive(Debug)]
pub struct Intake {
    store: Store,
    controls: Controls,
    examiner: Examiner,
    forwarder: Arc<Forwarder>,
    limits: Limits,
    budget: Arc<Budget>,
    behind: Arc<Behind>,
    tasks: TaskTracker,
    hurry: CancellationToken,
}

/// A request that is here whole.
struct Whole {
    parts: Parts,
    body: Bytes,
    reservation: Reservation,
    peer: Peer,
}

/// Records a request whose sender hung up while its body was being read: the service's
/// future is just dropped then.
struct HangUp<'a> {
    intake: &'a Intake,
    peer: &'a Peer,
    parts: &'a Parts,
    whole: bool,
    progress: &'a AtomicUsize,
}

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        if !self.whole {
            let received = self.progress.load(Ordering::Relaxed);
            self.intake.refuse(
                self.peer,
                Some(&line_of(self.parts)),
                RefusalCode::Incomplete,
                None,
                format!("the sender hung up after {received} bytes of the body"),
            );
        }
    }
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
        Arc::new(Self {
            store,
            behind,
            examiner: Examiner::new(controls.clone()),
            controls,
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
        let (mut parts, incoming) = request.into_parts();
        // HTTP/2 has no Host header; apps and `X-Forwarded-Host` want what stands for it.
        if !parts.headers.contains_key(HOST)
            && let Some(authority) = parts.uri.authority()
            && let Ok(host) = HeaderValue::from_str(authority.as_str())
        {
            parts.headers.insert(HOST, host);
        }
        let size = headers::size(&parts.headers);
        if size > MAX_HEADERS {
            let reason = format!("the header block has {size} bytes, {MAX_HEADERS} are allowed");
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            return self.refuse_with(
                peer,
                &line_of(&parts),
                RefusalCode::HeadersTooLarge,
                status,
                reason,
            );
        }
        let progress = AtomicUsize::new(0);
        let read = {
            let mut guard = HangUp {
                intake: self,
                peer,
                parts: &parts,
                whole: false,
                progress: &progress,
            };
            let limits = Limits {
                expects_continue: parts.headers.contains_key(EXPECT),
                head: size,
                ..self.limits
            };
            let read = body::read(incoming, limits, &self.budget, &progress).await;
            guard.whole = true;
            read
        };
        let (body, reservation) = match read {
            Ok(read) => read,
            Err(error) => return self.refuse_body(peer, &line_of(&parts), &error),
        };
        let whole = Whole {
            parts,
            body,
            reservation,
            peer: peer.clone(),
        };
        let this = Arc::clone(self);
        let work = Unstoppable::new(async move { this.process(whole).await }, &self.tasks);
        tokio::select! {
            biased;
            answer = work => answer,
            () = self.hurry.cancelled() => own(
                StatusCode::SERVICE_UNAVAILABLE,
                "stopping before the app has answered; the delivery is kept",
            ),
        }
    }

    async fn process(self: &Arc<Self>, whole: Whole) -> Response<AnswerBody> {
        let Whole {
            parts,
            body,
            reservation,
            peer,
        } = whole;
        let kept_headers = headers::to_kept(&parts.headers);
        let (verdict, event, secrets) = self.examiner.examine(&kept_headers, &body).await;
        let recorded = self.store.record(Received {
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
            relayed: None,
        });
        rejudge::if_outdated(&self.store, &self.controls, &recorded.delivery, &secrets);
        let head = Head {
            method: parts.method,
            headers: parts.headers,
            extensions: parts.extensions,
            peer: Some(peer.address.ip()),
        };
        let (policy, paused) = (self.controls.policy(), self.controls.is_paused());
        match Plan::of(&policy, paused, &recorded.delivery) {
            Plan::Answer(status, reason) => self.keep(recorded, status, reason).await,
            Plan::Forward(targets) => {
                let reservation = Arc::new(reservation);
                self.forward(recorded, head, targets, policy.ack, reservation)
                    .await
            }
        }
    }

    /// Answers by itself, once the delivery is safe.
    async fn keep(
        &self,
        recorded: Recorded,
        status: StatusCode,
        reason: &'static str,
    ) -> Response<AnswerBody> {
        if recorded.saved.wait().await.is_err() {
            return self.unsaved(&recorded.delivery);
        }
        self.answer(&recorded.delivery, status, reason)
    }

    async fn forward(
        self: &Arc<Self>,
        recorded: Recorded,
        head: Head,
        mut targets: Vec<Target>,
        ack: bool,
        reservation: Arc<Reservation>,
    ) -> Response<AnswerBody> {
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
        answer.unwrap_or_else(|failure| answer_of_failure(&failure))
    }

    fn answer(
        &self,
        delivery: &Delivery,
        status: StatusCode,
        reason: &'static str,
    ) -> Response<AnswerBody> {
        self.store.record_own_answer(OwnAnswer {
            delivery: delivery.id,
            status: status.as_u16(),
            reason,
        });
        own(status, reason)
    }

    /// The journal does not have it, so the sender must not believe that it is kept.
    fn unsaved(&self, delivery: &Delivery) -> Response<AnswerBody> {
        self.store.count_unsaved();
        self.answer(
            delivery,
            StatusCode::SERVICE_UNAVAILABLE,
            "the store cannot be written, so nothing is acknowledged: try again",
        )
    }

    fn refuse_body(&self, peer: &Peer, line: &str, error: &BodyError) -> Response<AnswerBody> {
        let (code, status, reason) = refusal_of(error, self.limits);
        let mut answer = self.refuse_with(peer, line, code, status, reason);
        if matches!(error, BodyError::TooLarge | BodyError::Busy) {
            // The rest of the body is still coming, and nothing is to be read behind it.
            let close = HeaderValue::from_static("close");
            answer.headers_mut().insert(CONNECTION, close);
        }
        answer
    }

    fn refuse_with(
        &self,
        peer: &Peer,
        line: &str,
        code: RefusalCode,
        status: StatusCode,
        reason: String,
    ) -> Response<AnswerBody> {
        let answer = own(status, &reason);
        self.refuse(peer, Some(line), code, Some(status), reason);
        answer
    }

    /// Records a request that does not become a delivery.
    pub fn refuse(
        &self,
        peer: &Peer,
        line: Option<&str>,
        code: RefusalCode,
        status: Option<StatusCode>,
        reason: String,
    ) {
        self.store.record_refusal(Refusal {
            at: Timestamp::now(),
            peer: (&*peer.text).into(),
            code,
            status: status.map(|s| s.as_u16()),
            request: line.map(Into::into),
            reason: reason.into(),
        });
    }
}

/// What the sender is told when the app gave no answer: something that makes it try
/// again later.
fn answer_of_failure(failure: &Failure) -> Response<AnswerBody> {
    let status = match failure.code {
        FailureCode::Timeout => StatusCode::GATEWAY_TIMEOUT,
        _ => StatusCode::BAD_GATEWAY,
    };
    own(status, &failure.message)
}
