//! Deliveries that come through a tunnel.

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;

use http::{HeaderMap, HeaderName, Request, Response};
use hyper::body::{Body, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio_util::sync::CancellationToken;

use super::connect::Line;
use crate::delivery::Relayed;
use crate::link::{Stream, gathered, http2, names};

/// What a relay says of a request that it hands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Which delivery it is.
    pub relayed: Relayed,
    /// Who sent it.
    pub peer: SocketAddr,
    /// Whether it was sent over HTTPS.
    pub https: bool,
}

/// Takes what the relay says out of a request's fields; `None` where it says too little.
fn take(headers: &mut HeaderMap) -> Option<Delivered> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let queued_at = match text(&names::QUEUED_AT) {
        Some(at) => Some(at.parse().ok()?),
        None => None,
    };
    let delivered = Delivered {
        relayed: Relayed {
            id: text(&names::ID)?.into(),
            queued_at,
        },
        peer: text(&names::PEER)?.parse().ok()?,
        https: text(&names::SCHEME)? == "https",
    };
    for name in [names::ID, names::PEER, names::SCHEME, names::QUEUED_AT] {
        headers.remove(name);
    }
    Some(delivered)
}

/// Answers what comes through until the connection ends; `stop` lets what is under way
/// finish and takes no more.
///
/// # Errors
/// What went wrong, if it did not just end.
pub(super) async fn serve<H, F, B>(
    stream: Stream<Line>,
    handle: H,
    stop: &CancellationToken,
) -> hyper::Result<()>
where
    H: Fn(Request<Incoming>, Delivered) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = bytes::Bytes> + From<bytes::Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let service = service_fn(move |mut request: Request<Incoming>| {
        let delivered = take(request.headers_mut());
        let handle = handle.clone();
        async move {
            if let Some(delivered) = delivered {
                return Ok::<_, Infallible>(handle(request, delivered).await);
            }
            let text = "cmhook: the relay does not say which delivery this is\n";
            let mut answer = Response::new(B::from(text.into()));
            *answer.status_mut() = http::StatusCode::BAD_REQUEST;
            Ok(answer)
        }
    });
    let (io, flushing) = gathered(stream);
    let connection = http2::server().serve_connection(TokioIo::new(io), service);
    tokio::pin!(connection);
    tokio::select! {
        result = poll_fn(|cx| flushing.poll(connection.as_mut(), cx)) => return result,
        () = stop.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    poll_fn(|cx| flushing.poll(connection.as_mut(), cx)).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_the_relay_says_is_taken_out() {
        let mut headers = HeaderMap::new();
        headers.insert("x-kept", HeaderValue::from_static("1"));
        assert_eq!(take(&mut headers.clone()), None);
        headers.insert(names::ID, HeaderValue::from_static("01J"));
        headers.insert(names::PEER, HeaderValue::from_static("[::1]:9"));
        headers.insert(names::SCHEME, HeaderValue::from_static("https"));
        let delivered = take(&mut headers.clone()).unwrap();
        assert_eq!(delivered.peer.port(), 9);
        assert!(delivered.https);
        assert_eq!(delivered.relayed.queued_at, None);
        headers.insert(names::QUEUED_AT, HeaderValue::from_static("yesterday"));
        assert_eq!(take(&mut headers.clone()), None);
        let at = HeaderValue::from_static("2026-11-28T10:00:00.5Z");
        headers.insert(names::QUEUED_AT, at);
        assert!(take(&mut headers).unwrap().relayed.queued_at.is_some());
        assert_eq!(headers.len(), 1);
    }
}
