//! Handing a delivery to an app, and recording how that went.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Extensions, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::Full;
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::sync::{Semaphore, oneshot};

use super::answer::{AnswerBody, End, Rest};
use super::belief::Belief;
use super::failure;
use super::forwarded::add_forwarded;
use super::own_port::leads_to;
use super::start::{KEEP_BODY, Permitted, Start, read_start};
use crate::config::{ForwardSettings, HostHeader, Policy, Target};
use crate::delivery::{Answer, Attempt, Cause, Delivery, Failure, Outcome, Received};
use crate::http::body::Reservation;
use crate::http::client::{Trust, connector, reaches};
use crate::http::headers;
use crate::http::pool::Client;
use crate::store::{Hold, Store};

/// Answers of which more is kept at the same time. Each may take 3 MiB until its sender
/// has read it, and a thousand senders who do not read can ask for one at once.
const LARGE_ANSWERS: usize = 24;

/// Sends deliveries to targets.
#[derive(Debug)]
pub struct Forwarder {
    client: Client,
    own: Vec<SocketAddr>,
    // For targets that the policy does not name: where it has none with TLS, nothing is
    // loaded for that before it is needed.
    others: [OnceLock<Client>; 2],
    trust: Trust,
    settings: ForwardSettings,
    large: Arc<Semaphore>,
    belief: Belief,
}

/// What to send: a live delivery's own head, or one made from what was kept.
#[derive(Debug)]
pub struct Head {
    /// The method.
    pub method: Method,
    /// The headers as they came.
    pub headers: HeaderMap,
    /// What hyper keeps beside them, such as the case in which names were written.
    pub extensions: Extensions,
    /// The address of the sender.
    pub peer: Option<IpAddr>,
    /// Whether the sender spoke https.
    pub https: bool,
}

impl Head {
    /// The head of what was kept; `None` where its method can be none.
    pub fn of_kept(request: &Received) -> Option<Self> {
        Some(Self {
            method: Method::from_bytes(request.method.as_bytes()).ok()?,
            headers: headers::from_kept(&request.headers),
            extensions: Extensions::new(),
            peer: ip_of(&request.peer),
            // A relay's public side is https, unless somebody tries one out.
            https: request.relayed.is_some(),
        })
    }

    /// A second one for another target.
    pub fn copy(&self) -> Self {
        Self {
            method: self.method.clone(),
            headers: self.headers.clone(),
            extensions: self.extensions.clone(),
            peer: self.peer,
            https: self.https,
        }
    }
}

fn ip_of(peer: &str) -> Option<IpAddr> {
    let address = peer.parse::<SocketAddr>().map(|address| address.ip());
    address.ok().or_else(|| peer.parse().ok())
}

/// One forward that is about to be made.
#[derive(Debug)]
pub struct Errand<'a> {
    /// The delivery.
    pub delivery: &'a Delivery,
    /// What to send with its body.
    pub head: Head,
    /// Where to.
    pub target: &'a Target,
    /// Why.
    pub cause: Cause,
    /// Keeps the delivery in the ring meanwhile.
    pub hold: Hold,
    /// The memory that the delivery takes, for as long as it is held.
    pub room: Option<Arc<Reservation>>,
    /// Whom to give the attempt to, once it is recorded.
    pub tell: Option<oneshot::Sender<Arc<Attempt>>>,
}

/// The part of an attempt that is known from its beginning.
struct Begun {
    store: Store,
    delivery: u64,
    target: Target,
    url: Box<str>,
    cause: Cause,
    started_at: Timestamp,
    clock: Instant,
    tell: Option<oneshot::Sender<Arc<Attempt>>>,
    _hold: Hold,
    _room: Option<Arc<Reservation>>,
}

impl Begun {
    /// The attempt, and the URL to ask unless there can be none.
    fn new(
        store: &Store,
        delivery: &Delivery,
        target: &Target,
        cause: Cause,
        hold: Hold,
        room: Option<Arc<Reservation>>,
    ) -> (Self, Option<Uri>) {
        let url = target.url_for(&delivery.request.path_and_query);
        let shown = url.as_ref().map(ToString::to_string);
        let begun = Self {
            store: store.clone(),
            delivery: delivery.id,
            target: target.clone(),
            url: shown.unwrap_or_else(|| target.to_string()).into(),
            cause,
            started_at: Timestamp::now(),
            clock: Instant::now(),
            tell: None,
            _hold: hold,
            _room: room,
        };
        (begun, url)
    }

    fn finish(self, outcome: Outcome) {
        let attempt = self.store.record_attempt(Attempt {
            delivery: self.delivery,
            n: 0,
            cause: self.cause,
            target: self.url,
            started_at: self.started_at,
            took: self.clock.elapsed(),
            outcome,
        });
        if let Some(tell) = self.tell {
            // Whoever asked may be gone; the attempt is kept all the same.
            let _ = tell.send(attempt);
        }
    }

    fn fail(self, failure: Failure) -> Failure {
        self.finish(Outcome::Failed(failure.clone()));
        failure
    }
}

impl Forwarder {
    /// A forwarder for the policy's targets, which never asks a listener on one of `own`.
    pub fn new(settings: ForwardSettings, policy: &Policy, own: Vec<SocketAddr>) -> Self {
        let trust = match (
            policy.targets().any(Target::is_https),
            settings.insecure_target,
        ) {
            (false, _) => Trust::NoTls,
            (true, false) => Trust::System,
            (true, true) => Trust::Anything,
        };
        Self {
            client: Client::new(connector(trust), own.iter().copied()),
            own,
            others: [const { OnceLock::new() }; 2],
            trust,
            settings,
            large: Arc::new(Semaphore::new(LARGE_ANSWERS)),
            belief: Belief::default(),
        }
    }

    /// The client that trusts what this target may be trusted with.
    fn client(&self, target: &Target) -> &Client {
        let fits = match self.trust {
            Trust::System => true,
            Trust::NoTls => !target.is_https(),
            Trust::Anything => !target.is_https() || target.is_loopback(),
        };
        if fits {
            return &self.client;
        }
        let insecure = self.settings.insecure_target && target.is_loopback();
        self.others[usize::from(insecure)].get_or_init(|| {
            let trust = if insecure {
                Trust::Anything
            } else {
                Trust::System
            };
            Client::new(connector(trust), self.own.iter().copied())
        })
    }

    /// What whoever watches the target believes of it.
    pub(super) const fn belief(&self) -> &Belief {
        &self.belief
    }

    /// Whether a connection to that address ends at cmhook itself.
    pub(super) fn reaches_own(&self, to: SocketAddr) -> bool {
        self.own.iter().any(|own| reaches(to, *own))
    }

    /// Whether the target is cmhook itself, of which nothing is ever asked.
    pub async fn is_own(&self, target: &Target) -> bool {
        for own in &self.own {
            if leads_to(target, *own).await {
                return true;
            }
        }
        false
    }

    /// Sends a delivery to a target. The attempt is recorded when the answer has come
    /// to its end, which for a large one is after this returns.
    ///
    /// # Errors
    /// Where no answer came; the attempt is recorded then too.
    pub async fn send(
        &self,
        store: &Store,
        errand: Errand<'_>,
    ) -> Result<Response<AnswerBody>, Failure> {
        let Errand {
            delivery,
            head,
            target,
            cause,
            hold,
            room,
            tell,
        } = errand;
        let (mut begun, url) = Begun::new(store, delivery, target, cause, hold, room);
        begun.tell = tell;
        let Some(url) = url else {
            let failure = failure::unsendable(target);
            return Err(begun.fail(failure));
        };
        // Otherwise a handshake would be tried with it before that is found out.
        if target.is_https() && self.is_own(target).await {
            let failure = failure::looped(target);
            return Err(begun.fail(failure));
        }
        let is_head = head.method == Method::HEAD;
        let mut request = Request::new(Full::new(delivery.request.body.clone()));
        *request.method_mut() = head.method;
        *request.uri_mut() = url;
        *request.version_mut() = Version::HTTP_11;
        *request.extensions_mut() = head.extensions;
        *request.headers_mut() = self.outgoing(head.headers, (head.peer, head.https), target);

        let deadline = tokio::time::Instant::now() + self.settings.timeout;
        let asked = tokio::time::timeout_at(deadline, self.client(target).request(request)).await;
        let response = match asked {
            Ok(Ok(response)) => {
                self.belief.answered(target);
                response
            }
            Ok(Err(error)) => {
                self.belief.failed(target);
                let failure = failure::of(target, &error);
                return Err(begun.fail(failure));
            }
            Err(_) => {
                self.belief.failed(target);
                let failure = failure::timed_out(target, self.settings.timeout);
                return Err(begun.fail(failure));
            }
        };
        self.receive(begun, response, deadline, is_head).await
    }

    /// Records that a delivery is not sent to a target for which too much waits already.
    pub fn decline(store: &Store, delivery: &Delivery, target: &Target, hold: Hold) {
        let (begun, _) = Begun::new(store, delivery, target, Cause::Live, hold, None);
        let failure = failure::crowded(target);
        begun.fail(failure);
    }

    async fn receive(
        &self,
        begun: Begun,
        response: Response<Incoming>,
        deadline: tokio::time::Instant,
        is_head: bool,
    ) -> Result<Response<AnswerBody>, Failure> {
        let first_byte = begun.clock.elapsed();
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let failure = failure::switched(&begun.target);
            return Err(begun.fail(failure));
        }
        let (mut parts, mut body) = response.into_parts();
        let kept_headers = headers::to_kept(&parts.headers);
        let status = parts.status.as_u16();
        let start = read_start(&mut body, &self.large);
        let start = match tokio::time::timeout_at(deadline, start).await {
            Ok(Ok(start)) => start,
            Ok(Err(broken)) => {
                let failure = broken.failure(&begun.target);
                return Err(begun.fail(failure));
            }
            Err(_) => {
                let failure = failure::stalled(&begun.target, self.settings.timeout);
                return Err(begun.fail(failure));
            }
        };
        headers::strip_hop_by_hop(&mut parts.headers);
        // hyper frames the answer anew; of a HEAD's and a 304's it must keep the number.
        if !is_head && status != 304 {
            parts.headers.remove(header::CONTENT_LENGTH);
        }
        parts.version = Version::HTTP_11;
        let answer = move |body: Bytes, size: u64| Answer {
            status,
            headers: kept_headers,
            body,
            size,
            first_byte,
        };
        let body = match start {
            Start::Whole(bytes, permit) => {
                let size = bytes.len() as u64;
                begun.finish(Outcome::Answered(answer(bytes.clone(), size)));
                AnswerBody::whole(match permit {
                    Some(permit) => Bytes::from_owner(Permitted::new(bytes, permit)),
                    None => bytes,
                })
            }
            Start::Part(bytes, permit) => {
                let kept = Bytes::copy_from_slice(&bytes[..bytes.len().min(KEEP_BODY)]);
                let idle = self.settings.timeout;
                let on_end = move |end| {
                    let failure = match end {
                        End::Complete(size) | End::SenderGone(size) => {
                            return begun.finish(Outcome::Answered(answer(kept, size)));
                        }
                        End::Broken(size) => failure::broke_off(&begun.target, size),
                        End::Misframed(size) => failure::misframed(&begun.target, size),
                        End::Silent(size) => failure::fell_silent(&begun.target, size, idle),
                    };
                    begun.fail(failure);
                    drop(permit);
                };
                let rest = Rest::new(bytes, body, idle, on_end);
                AnswerBody::Rest(Box::new(rest))
            }
        };
        Ok(Response::from_parts(parts, body))
    }

    fn outgoing(
        &self,
        mut fields: HeaderMap,
        (peer, https): (Option<IpAddr>, bool),
        target: &Target,
    ) -> HeaderMap {
        headers::strip_hop_by_hop(&mut fields);
        fields.remove(header::CONTENT_LENGTH);
        // cmhook has answered it already.
        fields.remove(header::EXPECT);
        add_forwarded(&mut fields, peer, https);
        let rewrite = self.settings.host_header == HostHeader::Rewrite;
        if (rewrite || !fields.contains_key(header::HOST))
            && let Ok(host) = HeaderValue::from_str(target.authority().as_str())
        {
            fields.insert(header::HOST, host);
        }
        for (name, _) in &self.settings.headers {
            fields.remove(name);
        }
        for (name, value) in &self.settings.headers {
            fields.append(name, value.clone());
        }
        fields
    }
}
