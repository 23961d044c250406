//! One try: a POST over a connection of its own, and what came of it.

use std::error::Error;
use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::{Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::time::{Instant, timeout_at};
use tower_service::Service as _;

use super::guard::AGENT;
use super::tries::Job;
use crate::delivery::FailureCode;
use crate::http::client::{Connector, NoSuchHost};

/// Bytes of an answer that are kept.
const KEEP: usize = 4096;

/// What came of a try.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: Option<u16>,
    pub(super) failure: Option<(FailureCode, String)>,
    pub(super) answer: Vec<u8>,
}

impl Outcome {
    fn failed(code: FailureCode, message: impl Into<String>) -> Self {
        Self {
            status: None,
            failure: Some((code, message.into())),
            answer: Vec::new(),
        }
    }
}

/// The header of its signature, as it is sent.
pub(super) fn signature(job: &Job) -> String {
    use crate::cakemail::signature::Secret;
    // A key is never empty.
    Secret::new("webhook", None, &job.key)
        .map(|secret| secret.sign(job.scheme, &job.body))
        .unwrap_or_default()
}

/// Sends it. `sent` is called when the request is on its way.
pub(super) async fn send(
    connector: Connector,
    job: &Job,
    signature: &str,
    patience: Duration,
    sent: impl FnOnce(),
) -> Outcome {
    let end = Instant::now() + patience;
    let late = || {
        let message = format!("no answer within {} ms", patience.as_millis());
        Outcome::failed(FailureCode::Timeout, message)
    };
    let Some((uri, request)) = request(job, signature) else {
        return Outcome::failed(FailureCode::Protocol, "the URL cannot be asked for");
    };
    let (mut requests, mut connection) = match timeout_at(end, connect(connector, uri)).await {
        Err(_) => return late(),
        Ok(Err(error)) => return because(&*error),
        Ok(Ok(both)) => both,
    };
    let mut answer = pin!(requests.send_request(request));
    let mut sent = Some(sent);
    let mut is_open = true;
    let mut go_on = |cx: &mut Context<'_>| {
        is_open = is_open && Pin::new(&mut connection).poll(cx).is_pending();
    };
    let head = poll_fn(|cx| {
        let polled = answer.as_mut().poll(cx);
        // This is what writes; a small body is in the system's hands after the first time.
        go_on(cx);
        if let Some(sent) = sent.take() {
            sent();
        }
        match polled {
            Poll::Pending => answer.as_mut().poll(cx),
            ready @ Poll::Ready(_) => ready,
        }
    });
    let head = match timeout_at(end, head).await {
        Err(_) => return late(),
        Ok(Err(error)) => return because(&error),
        Ok(Ok(head)) => head,
    };
    let status = Some(head.status().as_u16());
    let mut start = Vec::new();
    {
        let mut reading = pin!(read(head.into_body(), &mut start));
        let whole = poll_fn(|cx| {
            go_on(cx);
            reading.as_mut().poll(cx)
        });
        // Whether the rest comes does not matter: the status says whether it was taken.
        let _ = timeout_at(end, whole).await;
    }
    Outcome {
        status,
        failure: None,
        answer: start,
    }
}

type Connection =
    http1::Connection<<Connector as tower_service::Service<Uri>>::Response, Full<Bytes>>;

/// A connection of its own.
async fn connect(
    mut connector: Connector,
    to: Uri,
) -> Result<(http1::SendRequest<Full<Bytes>>, Connection), Box<dyn Error + Send + Sync>> {
    poll_fn(|cx| connector.poll_ready(cx)).await?;
    let stream = connector.call(to).await?;
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).max_buf_size(128 << 10);
    Ok(builder.handshake(stream).await?)
}

async fn read(mut body: Incoming, start: &mut Vec<u8>) {
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(data) = frame.data_ref() {
            let room = KEEP - start.len();
            start.extend_from_slice(&data[..data.len().min(room)]);
            if start.len() == KEEP {
                return;
            }
        }
    }
}

/// The request, and where to connect.
fn request(job: &Job, signature: &str) -> Option<(Uri, Request<Full<Bytes>>)> {
    let uri: Uri = job.url.parse().ok()?;
    let authority = uri.authority()?;
    let (user, host) = match authority.as_str().rsplit_once('@') {
        Some((user, host)) => (Some(user), host),
        None => (None, authority.as_str()),
    };
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = Request::post(if path.starts_with('/') { path } else { "/" })
        .header(header::HOST, host)
        .header(header::USER_AGENT, AGENT)
        .header(header::CONTENT_TYPE, "application/json")
        .header(job.scheme.header(), signature);
    if let Some(user) = user {
        let basic = format!("Basic {}", STANDARD.encode(user));
        request = request.header(header::AUTHORIZATION, basic);
    }
    let request = request.body(Full::new(job.body.clone())).ok()?;
    let place = format!("{}://{host}/", uri.scheme_str()?);
    Some((place.parse().ok()?, request))
}

/// What went wrong, by the errors behind an error.
fn because(error: &(dyn Error + 'static)) -> Outcome {
    let mut cause = Some(error);
    let mut found = None;
    let mut said = error.to_string();
    while let Some(error) = cause {
        found = found.or_else(|| kind(error));
        said = error.to_string();
        cause = error.source();
    }
    // The last says what it was.
    Outcome::failed(found.unwrap_or(FailureCode::Protocol), said)
}

fn kind(error: &(dyn Error + 'static)) -> Option<FailureCode> {
    if error.is::<NoSuchHost>() {
        return Some(FailureCode::Dns);
    }
    if error.is::<rustls::Error>() {
        return Some(FailureCode::Tls);
    }
    if let Some(error) = error.downcast_ref::<hyper::Error>() {
        if error.is_incomplete_message() || error.is_canceled() {
            return Some(FailureCode::Closed);
        }
        if error.is_parse() {
            return Some(FailureCode::Protocol);
        }
    }
    let error = error.downcast_ref::<io::Error>()?;
    // What it wraps is left out of its sources.
    if let Some(found) = error.get_ref().and_then(|inner| kind(inner)) {
        return Some(found);
    }
    match error.kind() {
        io::ErrorKind::ConnectionRefused => Some(FailureCode::Refused),
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe => Some(FailureCode::Reset),
        io::ErrorKind::TimedOut => Some(FailureCode::Timeout),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            Some(FailureCode::Unreachable)
        }
        _ => None,
    }
}
