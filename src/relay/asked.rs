//! A request to the public side: what is asked of it, and its body that nobody reads.

use std::time::Duration;

use bytes::Bytes;
use http::uri::Authority;
use http::{Method, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::answer::{AnswerBody, Reason, own};
use super::strict::is_host;
use crate::link::names;

/// What is read of a body that is of no use, so that its sender gets to see the answer.
const UNREAD: usize = 1 << 20;
const UNREAD_WITHIN: Duration = Duration::from_secs(2);

/// A request; its body until somebody reads it.
pub(super) type Asking = Request<Option<Incoming>>;

/// Whether an agent of cmhook's asks for a tunnel, or about its token, wherever that is.
pub(super) fn is_agent<B>(request: &Request<B>) -> bool {
    let headers = request.headers();
    request.method() == Method::GET
        && request.uri().path().ends_with(names::PATH)
        && headers.contains_key(names::VERSION)
        && headers.contains_key(names::INSTANCE)
}

/// Answers HEAD: with the fields alone. hyper sees to that in HTTP/1 and not in HTTP/2.
pub(super) fn without_body(answer: &mut Response<AnswerBody>) {
    if let AnswerBody::Whole(body) = answer.body_mut()
        && let Some(body) = body.take()
    {
        let length = body.len().into();
        answer.headers_mut().insert(header::CONTENT_LENGTH, length);
    }
}

/// Sees to a body that nobody has read. In HTTP/2 hyper would reset the request's stream, and
/// its sender, who is still sending, might not get to see the answer.
pub(super) async fn unread(mut body: Incoming, version: Version) {
    if version != Version::HTTP_2 {
        return;
    }
    let mut left = UNREAD;
    let reading = async {
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    };
    let _ = timeout(UNREAD_WITHIN, reading).await;
}

/// The host that was asked. HTTP/2 has it elsewhere, and may have it twice.
pub(super) fn host_of<B>(request: &Request<B>) -> Option<Authority> {
    let mut fields = request.headers().get_all(header::HOST).iter();
    let field = match (fields.next(), fields.next()) {
        (Some(field), None) => Some(Authority::try_from(field.as_bytes()).ok()?),
        (None, None) => None,
        _ => return None,
    };
    let host = match (request.uri().authority(), field) {
        (Some(one), Some(other)) if !one.as_str().eq_ignore_ascii_case(other.as_str()) => None,
        (_, Some(field)) => Some(field),
        (authority, None) => authority.cloned(),
    };
    host.filter(is_host)
}

/// What asks for another protocol, which no app behind a tunnel gets to see.
pub(super) fn refuse_upgrade(request: &Asking) -> Option<Response<AnswerBody>> {
    request.headers().contains_key(header::UPGRADE).then(|| {
        let words = "tunnels are for requests and answers: no upgrade";
        own(Reason::Upgrade, words)
    })
}
