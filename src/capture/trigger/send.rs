//! Sending, and what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use jiff::Timestamp;
use tokio::time::timeout_at;

use super::request::{Payload, Requests};
use crate::cakemail::diagnosis::{AppRefusal, Keys, Reply, why_refused};
use crate::capture::again::secret_for;
use crate::capture::failure;
use crate::config::Target;
use crate::delivery::{Failure, Received, Verdict};
use crate::http::client::{Trust, connector};
use crate::http::headers::to_kept;
use crate::http::pool::Client;

/// Bytes of an answer that are looked at.
const LOOK: usize = 4 << 10;

/// Sends requests to one target.
#[derive(Debug)]
pub struct Sender {
    client: Client,
    target: Target,
    path: String,
    requests: Requests,
    timeout: Duration,
}

/// What came of one.
#[derive(Debug)]
pub struct Sent {
    /// The event that it says it is.
    pub event: Option<Box<str>>,
    /// Until the answer was read.
    pub took: Duration,
    /// What was answered, or why nothing was.
    pub answer: Result<Answer, Failure>,
    /// Why the app refused it, as far as that can be told.
    pub refusal: Option<AppRefusal>,
    /// Where it went.
    pub url: String,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// How the body begins.
    pub start: Vec<u8>,
}

impl Sent {
    /// Whether it was answered 2xx.
    pub fn is_fine(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    }
}

impl Sender {
    /// For this target. `anything` accepts every certificate, on this machine only.
    pub fn new(target: Target, requests: Requests, timeout: Duration, anything: bool) -> Self {
        let trust = match (target.is_https(), anything && target.is_loopback()) {
            (false, _) => Trust::NoTls,
            (true, false) => Trust::System,
            (true, true) => Trust::Anything,
        };
        Self {
            client: Client::new(connector(trust), None),
            target,
            path: "/".to_owned(),
            requests,
            timeout,
        }
    }

    /// The same for this path and query below the target.
    pub fn at(mut self, path_and_query: &str) -> Self {
        path_and_query.clone_into(&mut self.path);
        self
    }

    /// Sends one, and says what came of it when its answer has been read to the end.
    pub async fn send(&self, payload: Payload) -> Sent {
        let begun = Instant::now();
        let answer = self.ask(&payload).await;
        let took = begun.elapsed();
        let url = self.target.url_for(&self.path);
        Sent {
            refusal: answer.as_ref().ok().and_then(|one| self.why(&payload, one)),
            event: payload.event,
            took,
            answer,
            url: url.map_or_else(String::new, |url| url.to_string()),
        }
    }

    /// What can be said of such an answer. Of a signature that the user has set nothing is
    /// known.
    fn why(&self, payload: &Payload, answer: &Answer) -> Option<AppRefusal> {
        if self.requests.are_signed_by_hand() {
            return None;
        }
        let secrets = &self.requests.secrets;
        let verdict = match secret_for(secrets, payload.signed_as.as_deref()) {
            Some(secret) => Verdict::Valid {
                scheme: self.requests.scheme,
                secret: Arc::clone(secret.label()),
            },
            None => Verdict::Unsigned,
        };
        let request = Received {
            received_at: Timestamp::now(),
            peer: "".into(),
            method: "POST".into(),
            path_and_query: self.path.as_str().into(),
            headers: to_kept(&self.requests.headers(payload, "")),
            body: payload.body.clone(),
            event: payload.event.clone(),
            verdict,
            original: None,
            relayed: None,
        };
        let reply = Reply {
            status: answer.status,
            headers: &to_kept(&answer.headers),
            body: &answer.start,
        };
        why_refused(&request, reply, &Keys::of(secrets, Arc::default()))
    }

    async fn ask(&self, payload: &Payload) -> Result<Answer, Failure> {
        let target = &self.target;
        let Some(url) = target.url_for(&self.path) else {
            return Err(failure::unsendable(target));
        };
        let mut request = Request::new(Full::new(Bytes::clone(&payload.body)));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        *request.headers_mut() = self.requests.headers(payload, target.authority().as_str());
        let deadline = tokio::time::Instant::now() + self.timeout;
        match timeout_at(deadline, self.client.request(request)).await {
            Ok(Ok(response)) => match timeout_at(deadline, self.read(response)).await {
                Ok(answer) => answer,
                Err(_) => Err(failure::stalled(target, self.timeout)),
            },
            Ok(Err(error)) => Err(failure::of(target, &error)),
            Err(_) => Err(failure::timed_out(target, self.timeout)),
        }
    }

    /// Reads an answer to its end, so that its connection can be used again, and keeps how
    /// it begins.
    async fn read(&self, response: Response<Incoming>) -> Result<Answer, Failure> {
        let (parts, mut body) = response.into_parts();
        let (mut start, mut size) = (Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|_| failure::broke_off(&self.target, size))?;
            if let Some(data) = frame.data_ref() {
                size += data.len() as u64;
                let room = LOOK - start.len();
                start.extend_from_slice(&data[..data.len().min(room)]);
            }
        }
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            start,
        })
    }
}
