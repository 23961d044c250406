//! Answers of the relay's own: plain text, and the reason as a word in a field.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use hyper::body::{Body, Frame, SizeHint};
use tokio_util::sync::CancellationToken;

use super::metrics::InFlight;
use super::pace::Through;
use crate::link::names;

/// Why the relay answers by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Reason {
    // To senders.
    Malformed,
    HeadersTooLarge,
    BodyTooLarge,
    TooSlow,
    Incomplete,
    Upgrade,
    UnknownHost,
    NotFound,
    NoSuchTunnel,
    Offline,
    QueueFull,
    QueueFailed,
    Queued,
    RateLimited,
    TooManyAtOnce,
    Busy,
    TunnelBroke,
    AgentRefused,
    AgentSilent,
    // To agents.
    NoToken,
    BadToken,
    NoSuchName,
    Held,
    Protocol,
    BadRequest,
    Draining,
    // To whoever looks after it.
    Fine,
    NoCertificate,
    // Over plain HTTP.
    HttpsOnly,
}

impl Reason {
    /// The word for it.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::TooSlow => "too_slow",
            Self::Incomplete => "incomplete",
            Self::Upgrade => "upgrade_refused",
            Self::UnknownHost => "unknown_host",
            Self::NotFound => "not_found",
            Self::NoSuchTunnel => "no_such_tunnel",
            Self::Offline => "offline",
            Self::QueueFull => "queue_full",
            Self::QueueFailed => "queue_failed",
            Self::Queued => "queued",
            Self::RateLimited => "rate_limited",
            Self::TooManyAtOnce => "too_many_at_once",
            Self::Busy => "busy",
            Self::TunnelBroke => "tunnel_broke",
            Self::AgentRefused => "agent_refused",
            Self::AgentSilent => "agent_silent",
            Self::NoToken => "no_token",
            Self::BadToken => "bad_token",
            Self::NoSuchName => "no_such_name",
            Self::Held => "held",
            Self::Protocol => "protocol",
            Self::BadRequest => "bad_request",
            Self::Draining => "draining",
            Self::Fine => "ok",
            Self::NoCertificate => "no_certificate",
            Self::HttpsOnly => "https_only",
        }
    }

    /// The status that goes with it.
    pub(super) const fn status(self) -> StatusCode {
        match self {
            Self::Fine => StatusCode::OK,
            Self::Queued => StatusCode::ACCEPTED,
            Self::HttpsOnly => StatusCode::PERMANENT_REDIRECT,
            Self::Malformed | Self::Incomplete | Self::Upgrade | Self::BadRequest => {
                StatusCode::BAD_REQUEST
            }
            Self::NoToken | Self::BadToken => StatusCode::UNAUTHORIZED,
            Self::UnknownHost | Self::NotFound | Self::NoSuchTunnel | Self::NoSuchName => {
                StatusCode::NOT_FOUND
            }
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::Held => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Protocol => StatusCode::UPGRADE_REQUIRED,
            Self::RateLimited | Self::TooManyAtOnce => StatusCode::TOO_MANY_REQUESTS,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TunnelBroke | Self::AgentRefused => StatusCode::BAD_GATEWAY,
            Self::AgentSilent => StatusCode::GATEWAY_TIMEOUT,
            Self::Offline
            | Self::QueueFull
            | Self::QueueFailed
            | Self::Busy
            | Self::Draining
            | Self::NoCertificate => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// When to come again, in seconds.
    const fn retry_after(self) -> Option<u16> {
        match self {
            Self::RateLimited | Self::TooManyAtOnce | Self::Busy => Some(1),
            Self::Draining | Self::NoCertificate => Some(5),
            Self::Offline | Self::QueueFull | Self::QueueFailed => Some(60),
            _ => None,
        }
    }
}

/// An answer's body.
#[derive(Debug)]
pub(super) enum AnswerBody {
    /// All of it.
    Whole(Option<Bytes>),
    /// The app's, as it comes through the tunnel.
    Tunnel(Arc<Through>),
}

impl AnswerBody {
    /// Holds `flight` as long as it lasts.
    pub(super) fn during(self, flight: InFlight) -> Self {
        if let Self::Tunnel(through) = &self {
            through.hold(flight);
        }
        self
    }

    /// Cancels `stuck` where its sender does not take it.
    pub(super) fn telling(self, stuck: &CancellationToken) -> Self {
        if let Self::Tunnel(through) = &self {
            through.tell(stuck.clone());
        }
        self
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = h2::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        match self.get_mut() {
            Self::Whole(bytes) => Poll::Ready(bytes.take().map(|b| Ok(Frame::data(b)))),
            Self::Tunnel(through) => through.poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Tunnel(through) => through.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.as_ref().map_or(0, Bytes::len) as u64),
            Self::Tunnel(through) => through.size_hint(),
        }
    }
}

/// An answer for this reason, in these words.
pub(super) fn own(reason: Reason, text: &str) -> Response<AnswerBody> {
    let mut answer = plain(reason.status(), format!("cmhook relay: {text}\n"));
    let headers = answer.headers_mut();
    headers.insert(names::REASON, HeaderValue::from_static(reason.code()));
    if let Some(seconds) = reason.retry_after() {
        headers.insert(RETRY_AFTER, seconds.into());
    }
    answer.extensions_mut().insert(reason);
    answer
}

/// Text, as it is.
pub(super) fn plain(status: StatusCode, text: String) -> Response<AnswerBody> {
    let mut answer = Response::new(AnswerBody::Whole(Some(text.into())));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    headers.insert(CONTENT_TYPE, kind);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// Nothing may be read behind the request that this answers.
pub(super) fn closing(mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(CONNECTION, close);
    answer
}
