//! What the public side answers.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::uri::{Authority, PathAndQuery};
use http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use ipnet::IpNet;
use jiff::Timestamp;
use tokio::time::{Instant, timeout};

use super::answer::{AnswerBody, Reason, closing, own};
use super::arrived::Arrived;
use super::asked::{Asking, host_of, is_agent, refuse_upgrade, unread, without_body};
use super::data::Data;
use super::deliver::Courier;
use super::forwarded::{Sender, unwrap};
use super::id;
use super::limits::Limiter;
use super::metrics::{Metrics, millis};
use super::refusals::Refusals;
use super::route::{Domain, Route, UrlStyle};
use super::strict::{MAX_HEAD, Violation, Violations};
use super::tls::Tls;
use crate::http::body::{self, BodyError, Budget, Limits};
use crate::http::headers;
use crate::link::names;

/// How long the next piece of a body may take, and all of it.
const BODY_IDLE: Duration = Duration::from_secs(15);
const BODY_WITHIN: Duration = Duration::from_mins(10);

/// What all requests of a connection have in common.
#[derive(Debug, Clone)]
pub(super) struct Conn {
    pub(super) sender: Sender,
    /// Of HTTP/1; HTTP/2 cannot be read in two ways.
    pub(super) violations: Option<Violations>,
}

/// The public side.
#[derive(Debug)]
pub(super) struct Front {
    pub(super) domain: Domain,
    pub(super) style: UrlStyle,
    /// Whether senders see HTTPS, wherever it ends; `None` where it is as they come in.
    pub(super) public_https: Option<bool>,
    pub(super) data: Data,
    pub(super) courier: Courier,
    pub(super) limiter: Limiter,
    pub(super) budget: Arc<Budget>,
    pub(super) max_body: u64,
    pub(super) trusted: Vec<IpNet>,
    pub(super) is_open: bool,
    /// How many agents there may be at one time.
    pub(super) most_agents: usize,
    /// Set when it is served; `None` where it speaks plain HTTP.
    pub(super) tls: OnceLock<Option<Tls>>,
    pub(super) draining: AtomicBool,
    pub(super) metrics: Arc<Metrics>,
    pub(super) refusals: Refusals,
}

impl Front {
    pub(super) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(super) fn url_of(&self, name: &str, https: bool) -> String {
        let scheme = if self.public_https.unwrap_or(https) {
            "https"
        } else {
            "http"
        };
        self.domain.url_of(scheme, name, self.style)
    }

    /// Answers one request.
    pub(super) async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        conn: &Conn,
    ) -> Response<AnswerBody> {
        // What comes behind such a request is not looked at, so that nothing may be read
        // there either, if it is not granted.
        let upgrades = request.headers().contains_key(header::UPGRADE);
        let is_head = request.method() == Method::HEAD;
        let expects = request.headers().contains_key(header::EXPECT);
        let mut request = request.map(Some);
        let mut about = About {
            peer: conn.sender.address.ip(),
            name: None,
        };
        let mut answer = self.answered(&mut request, conn, &mut about).await;
        self.note(&answer, &about);
        if is_head {
            without_body(&mut answer);
        }
        if let Some(body) = request.body_mut().take().filter(|_| !expects) {
            unread(body, request.version()).await;
        }
        if upgrades && answer.status() != StatusCode::SWITCHING_PROTOCOLS {
            return closing(answer);
        }
        answer
    }

    async fn answered(
        self: &Arc<Self>,
        request: &mut Asking,
        conn: &Conn,
        about: &mut About,
    ) -> Response<AnswerBody> {
        if let Some(violation) = conn.violations.as_ref().and_then(Violations::next) {
            return self.turn_away(violation);
        }
        let Some(host) = host_of(request) else {
            return self.turn_away(Violation::BadHost);
        };
        if headers::size(request.headers()) > MAX_HEAD {
            return self.turn_away(Violation::TooLarge);
        }
        let sender = unwrap(&self.trusted, conn.sender, request.headers_mut());
        about.peer = sender.address.ip();
        let path = request.uri().path_and_query().cloned();
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        // HTTP/2 comes here as it is: what there is of CONNECT and `*` in it is refused too.
        if request.method() == Method::CONNECT || !path.as_str().starts_with('/') {
            return self.turn_away(Violation::BadTarget);
        }
        match self.domain.route(&host, &path) {
            Route::Tunnel(..) if is_agent(request) => self.wrong_place(request, sender.https),
            Route::Tunnel(name, path) => {
                let conn = Conn {
                    sender,
                    ..conn.clone()
                };
                let answer = self.take_in(request, &conn, &name, host, path).await;
                about.name = Some(name);
                answer
            }
            Route::Own => self.own(request, sender.https).await,
            Route::Elsewhere => self.elsewhere(&host),
        }
    }

    /// Has the log tell of what was refused.
    fn note(&self, answer: &Response<AnswerBody>, about: &About) {
        // The reason of an app is its own.
        if matches!(answer.body(), AnswerBody::Whole(_))
            && let Some(reason) = answer.headers().get(names::REASON)
            && let Ok(reason) = reason.to_str()
        {
            self.refusals
                .note(reason, about.peer, about.name.as_deref());
        }
    }

    pub(super) fn turn_away(&self, violation: Violation) -> Response<AnswerBody> {
        let reason = match violation {
            Violation::TooLarge => Reason::HeadersTooLarge,
            _ => Reason::Malformed,
        };
        self.metrics.turned_away(reason);
        closing(own(reason, violation.text()))
    }

    /// Takes a delivery in and hands it on.
    async fn take_in(
        &self,
        request: &mut Asking,
        conn: &Conn,
        name: &str,
        host: Authority,
        path: PathAndQuery,
    ) -> Response<AnswerBody> {
        let begun = Instant::now();
        let flight = self.metrics.fly();
        let mut bytes = 0;
        let answer = self
            .delivered(request, conn, name, host, path, &mut bytes)
            .await;
        let status = answer.status();
        let reason = answer.headers().get(names::REASON);
        let reason = reason.and_then(|reason| reason.to_str().ok());
        self.metrics
            .delivered(status, reason, begun.elapsed(), bytes);
        tracing::debug!(
            name,
            status = status.as_u16(),
            reason,
            bytes,
            took_ms = millis(begun.elapsed()),
            "delivery"
        );
        answer.map(|body| body.during(flight))
    }

    async fn delivered(
        &self,
        request: &mut Asking,
        conn: &Conn,
        name: &str,
        host: Authority,
        path: PathAndQuery,
        bytes: &mut usize,
    ) -> Response<AnswerBody> {
        if let Some(refused) = refuse_upgrade(request) {
            self.metrics.turned_away(Reason::Upgrade);
            return refused;
        }
        let is_reserved = self.data.names.is_reserved(name);
        if !is_reserved && !self.courier.agents.has(name) {
            return own(Reason::NoSuchTunnel, "there is no such tunnel");
        }
        let place = match self.limiter.admit(name) {
            Ok(place) => place,
            Err(Reason::TooManyAtOnce) => {
                return own(
                    Reason::TooManyAtOnce,
                    "too many deliveries of this tunnel are under way",
                );
            }
            Err(reason) => return own(reason, "too many deliveries of this tunnel a second"),
        };
        let received_at = now();
        let Some(incoming) = request.body_mut().take() else {
            return own(Reason::Incomplete, "there is no body");
        };
        let fields = std::mem::take(request.headers_mut());
        let limits = Limits {
            max: self.max_body,
            idle: BODY_IDLE,
            expects_continue: fields.contains_key(header::EXPECT),
            head: headers::size(&fields),
        };
        let progress = AtomicUsize::new(0);
        let reading = body::read(incoming, limits, &self.budget, &progress);
        let read = timeout(BODY_WITHIN, reading).await;
        let (body, _reservation) = match read.unwrap_or(Err(BodyError::TooSlow { received: 0 })) {
            Ok(read) => read,
            Err(error) => return self.refuse_body(&error, conn),
        };
        *bytes = body.len();
        let arrived = Arrived {
            id: id::new(),
            received_at,
            peer: conn.sender.address,
            https: self.public_https.unwrap_or(conn.sender.https),
            method: request.method().clone(),
            path,
            host,
            headers: fields,
            body,
        };
        let may_wait = is_reserved.then(|| self.data.queue.rank());
        self.courier.deliver(name, arrived, place, may_wait).await
    }

    fn refuse_body(&self, error: &BodyError, conn: &Conn) -> Response<AnswerBody> {
        let violation = conn.violations.as_ref().and_then(Violations::of_body);
        if let Some(violation) = violation {
            return self.turn_away(violation);
        }
        let (reason, words) = match error {
            BodyError::TooLarge => (
                Reason::BodyTooLarge,
                format!("the body is larger than {} bytes", self.max_body),
            ),
            BodyError::Malformed => (Reason::Malformed, Violation::Misframed.text().to_owned()),
            BodyError::Incomplete { .. } => (
                Reason::Incomplete,
                "the body ended before its end".to_owned(),
            ),
            BodyError::TooSlow { .. } => (Reason::TooSlow, "the body came too slowly".to_owned()),
            BodyError::Busy => (
                Reason::Busy,
                "too much is under way right now: try again".to_owned(),
            ),
        };
        self.metrics.turned_away(reason);
        closing(own(reason, &words))
    }
}

/// Who asks for what, for the log.
#[derive(Debug)]
struct About {
    peer: IpAddr,
    /// The tunnel, where there is one.
    name: Option<Box<str>>,
}

/// To a microsecond, as it is kept.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
