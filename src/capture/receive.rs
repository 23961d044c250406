//! Receiving a request whole, or turning it away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{CONNECTION, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode};
use hyper::body::Incoming;
use jiff::Timestamp;

use super::answer::{AnswerBody, own};
use super::intake::{Intake, MAX_HEADERS};
use super::peer::Peer;
use super::refusal::{line_of, refusal_of};
use crate::delivery::{Refusal, RefusalCode};
use crate::http::body::{self, BodyError, Limits, Reservation};
use crate::http::headers;

/// A request that is here whole.
pub(super) struct Whole {
    pub(super) parts: Parts,
    pub(super) body: Bytes,
    pub(super) reservation: Reservation,
    pub(super) peer: Peer,
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

/// Who sends a request, and so what it means that it does not come in whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// Its sender.
    Sender,
    /// A relay, which has it whole: where it breaks off, it is the tunnel that does, and it
    /// comes again.
    Relay,
    /// A relay's queue, which keeps it until it is taken: nor is it a refusal that there is no
    /// room.
    Queue,
}

/// A request that did not come in whole.
pub(super) struct Away {
    pub(super) answer: Response<AnswerBody>,
    /// Whether that is for lack of room, so that the same one may come in later.
    pub(super) is_busy: bool,
}

/// Said to whoever keeps what there is no room for.
pub(super) const NO_ROOM: &str =
    "there is no room for more that has waited at the relay: it is to be handed on later";

impl Intake {
    /// Receives a request and records why not.
    pub(super) async fn receive(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: &Peer,
        source: Source,
    ) -> Result<Whole, Away> {
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
            let code = RefusalCode::HeadersTooLarge;
            let answer = self.refuse_with(peer, &line_of(&parts), code, status, reason);
            return Err(Away {
                answer,
                is_busy: false,
            });
        }
        let progress = AtomicUsize::new(0);
        let read = {
            let mut guard = HangUp {
                intake: self,
                peer,
                parts: &parts,
                whole: source != Source::Sender,
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
        match read {
            Ok((body, reservation)) => Ok(Whole {
                parts,
                body,
                reservation,
                peer: peer.clone(),
            }),
            Err(error) => {
                let is_busy = error == BodyError::Busy;
                let answer = match (source, &error) {
                    (Source::Queue, BodyError::Busy) => {
                        own(StatusCode::SERVICE_UNAVAILABLE, NO_ROOM)
                    }
                    (Source::Queue | Source::Relay, BodyError::Incomplete { .. }) => {
                        own(StatusCode::BAD_REQUEST, "the tunnel broke")
                    }
                    _ => self.refuse_body(peer, &line_of(&parts), &error),
                };
                Err(Away { answer, is_busy })
            }
        }
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
