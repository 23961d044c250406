//! Handing deliveries on: to the agent that is there, or to the queue for when it is.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header,
};
use http_body_util::BodyExt as _;
use jiff::Timestamp;
use tokio::time::{Instant, sleep, timeout};

use super::agents::{Agents, Link};
use super::answer::{AnswerBody, Reason, own};
use super::carrier::{Incoming, NotSent};
use super::limits::Place;
use super::metrics::Metrics;
use super::queue::{PushError, Queue, Waiting};
use crate::http::headers::{from_kept, strip_hop_by_hop, to_kept};
use crate::link::{Farewell, names};

/// What waits is read from the disk so much at a time.
const BATCH: usize = 64;
const BATCH_BYTES: usize = 4 << 20;
/// An agent that does not keep what it is handed is tried again after these times.
const NOT_KEPT: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(30)];

/// A delivery that is here whole.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) id: Box<str>,
    pub(super) received_at: Timestamp,
    pub(super) peer: SocketAddr,
    pub(super) https: bool,
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) host: Authority,
    /// As the sender sent them, with `Host`.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why an agent has not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unanswered {
    /// Its connection broke; it may have got the delivery.
    Broke,
    /// It took too long.
    Silent,
}

impl Arrived {
    /// As it goes through the tunnel.
    fn request(&self, waited: bool) -> Option<Request<()>> {
        let uri = Uri::builder()
            .scheme(if self.https {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            })
            .authority(self.host.clone())
            .path_and_query(self.path.clone())
            .build()
            .ok()?;
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let mut headers = self.headers.clone();
        strip_hop_by_hop(&mut headers);
        // It is `:authority` there; and the relay has answered an expectation already.
        headers.remove(header::HOST);
        headers.remove(header::EXPECT);
        remove_ours(&mut headers);
        let scheme = if self.https { "https" } else { "http" };
        headers.insert(names::SCHEME, HeaderValue::from_static(scheme));
        headers.insert(names::ID, HeaderValue::from_str(&self.id).ok()?);
        let peer = self.peer.to_string();
        headers.insert(names::PEER, HeaderValue::from_str(&peer).ok()?);
        if waited {
            let at = self.received_at.to_string();
            headers.insert(names::QUEUED_AT, HeaderValue::from_str(&at).ok()?);
        }
        *request.headers_mut() = headers;
        Some(request)
    }

    fn into_waiting(mut self) -> Waiting {
        // HTTP/2 has it elsewhere, and it is needed when this is handed on.
        if !self.headers.contains_key(header::HOST)
            && let Ok(host) = HeaderValue::from_str(self.host.as_str())
        {
            self.headers.insert(header::HOST, host);
        }
        Waiting {
            id: self.id,
            received_at: self.received_at,
            peer: self.peer.to_string().into(),
            scheme: if self.https { "https" } else { "http" }.into(),
            method: self.method.as_str().into(),
            path: self.path.as_str().into(),
            headers: to_kept(&self.headers),
            body: self.body,
        }
    }

    /// What has waited; `None` where the file was tampered with.
    fn from_waiting(waiting: Waiting) -> Option<Self> {
        let headers = from_kept(&waiting.headers);
        let host = headers.get(header::HOST)?.as_bytes();
        Some(Self {
            host: Authority::try_from(host).ok()?,
            id: waiting.id,
            received_at: waiting.received_at,
            peer: waiting.peer.parse().ok()?,
            https: &*waiting.scheme == "https",
            method: Method::from_bytes(waiting.method.as_bytes()).ok()?,
            path: waiting.path.parse().ok()?,
            headers,
            body: waiting.body,
        })
    }
}

/// Whether an agent that says this of a delivery will say so again.
fn is_final(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::BAD_REQUEST
            | StatusCode::PAYLOAD_TOO_LARGE
            | StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE
    )
}

/// Takes out what only the two ends of a tunnel may say.
fn remove_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(names::PREFIX))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

/// Hands deliveries on; clones are the same.
#[derive(Debug, Clone)]
pub(super) struct Courier {
    pub(super) agents: Agents,
    /// `None` where nothing is to wait.
    pub(super) queue: Option<Queue>,
    pub(super) metrics: Arc<Metrics>,
    /// How long an agent may take to answer.
    pub(super) patience: Duration,
}

impl Courier {
    /// How many wait for this name.
    pub(super) fn waiting(&self, name: &str) -> u64 {
        self.queue.as_ref().map_or(0, |queue| queue.count(name))
    }

    /// Hands a delivery on and gives its answer. `may_wait` says whether it may wait for an
    /// agent.
    pub(super) async fn deliver(
        &self,
        name: &str,
        arrived: Arrived,
        place: Place,
        may_wait: bool,
    ) -> Response<AnswerBody> {
        let links = self.agents.of(name);
        // What has waited goes first.
        let is_behind = may_wait && self.waiting(name) > 0;
        let Some((first, others)) = links.split_first().filter(|_| !is_behind) else {
            return self.keep(name, arrived, may_wait, Reason::Offline).await;
        };
        for other in others {
            self.copy_to(other, &arrived, false);
        }
        match self.hand(first, &arrived, false).await {
            Ok(answer) => {
                let (mut parts, body) = answer.into_parts();
                strip_hop_by_hop(&mut parts.headers);
                remove_ours(&mut parts.headers);
                parts.version = http::Version::HTTP_11;
                Response::from_parts(parts, AnswerBody::through(body, place))
            }
            Err(Unanswered::Silent) => own(
                Reason::AgentSilent,
                &format!(
                    "no answer came through the tunnel within {} s",
                    self.patience.as_secs()
                ),
            ),
            // The agent may have it, or not: it gets it again under the same id.
            Err(Unanswered::Broke) => {
                self.keep(name, arrived, may_wait, Reason::TunnelBroke)
                    .await
            }
        }
    }

    /// Has a delivery wait, or says why not.
    async fn keep(
        &self,
        name: &str,
        arrived: Arrived,
        may_wait: bool,
        why: Reason,
    ) -> Response<AnswerBody> {
        let Some(queue) = self.queue.as_ref().filter(|_| may_wait) else {
            let text = match why {
                Reason::TunnelBroke => "the tunnel broke before an answer came",
                _ => "no agent is connected to this tunnel right now",
            };
            return own(why, text);
        };
        match queue.push(name, arrived.into_waiting()).await {
            Ok(()) => {
                self.metrics.queued();
                self.see_to(name);
                own(Reason::Queued, "kept until the agent is back")
            }
            Err(PushError::Full) => own(
                Reason::QueueFull,
                "no agent is connected, and as much waits for it as may",
            ),
            Err(PushError::Kept(error)) => {
                tracing::error!(name, %error, "a delivery could not be kept");
                own(
                    Reason::QueueFailed,
                    "the delivery could not be kept: try again",
                )
            }
        }
    }

    /// Sends a delivery through a connection.
    async fn hand(
        &self,
        link: &Link,
        arrived: &Arrived,
        waited: bool,
    ) -> Result<Response<Incoming>, Unanswered> {
        let Some(request) = arrived.request(waited) else {
            return Err(Unanswered::Broke);
        };
        let asked = link.carrier.send(request, arrived.body.clone());
        match timeout(self.patience, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                tracing::debug!(id = &*arrived.id, link = link.id(), %error, "no answer");
                // One that takes no more requests and lives on, as when it has used up the
                // numbers that there are for them, is of no use any more.
                if matches!(error, NotSent::Ended(_)) && !link.carrier.is_closed() {
                    let again = Farewell::new(Farewell::RESTART, "the connection is used up");
                    link.pulse.close(again);
                }
                Err(Unanswered::Broke)
            }
            Err(_) => Err(Unanswered::Silent),
        }
    }

    /// Sends a copy to an agent that shares a name; nobody waits for its answer.
    fn copy_to(&self, link: &Arc<Link>, arrived: &Arrived, waited: bool) {
        let (this, link, arrived) = (self.clone(), Arc::clone(link), arrived.clone());
        tokio::spawn(async move {
            if let Ok(answer) = this.hand(&link, &arrived, waited).await {
                let mut body = answer.into_body();
                while let Some(Ok(_)) = body.frame().await {}
            }
        });
    }

    /// Has what waits for a name handed on, if an agent is there and nobody does so yet.
    pub(super) fn see_to(&self, name: &str) {
        if self.waiting(name) == 0 || !self.agents.has(name) {
            return;
        }
        let (this, name) = (self.clone(), Box::<str>::from(name));
        tokio::spawn(async move {
            // What is pushed when the last one was just read finds this still at work; so it
            // looks again when it no longer is.
            while let Some(drained) = this.agents.begin_drain(&name) {
                let goes_on = this.drain(&name).await;
                drop(drained);
                if !goes_on || this.waiting(&name) == 0 {
                    return;
                }
            }
        });
    }

    /// Hands on what waits, in order; false where there is nobody to hand it to.
    async fn drain(&self, name: &str) -> bool {
        let Some(queue) = &self.queue else {
            return false;
        };
        let begun = Instant::now();
        let mut handed = 0_u64;
        let mut pause = NOT_KEPT[0];
        loop {
            let batch = match queue.first(name, BATCH, BATCH_BYTES).await {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::error!(name, %error, "what waits cannot be read");
                    return false;
                }
            };
            if batch.is_empty() {
                if handed > 0 {
                    let took = begun.elapsed().as_millis();
                    tracing::info!(name, handed, took_ms = took, "handed on what waited");
                }
                return true;
            }
            let whole = batch.len();
            let mut done = Vec::with_capacity(whole);
            for waiting in batch {
                if !self.agents.has(name) {
                    break;
                }
                let id = waiting.id.clone();
                if !self.hand_waiting(name, waiting).await {
                    break;
                }
                done.push(id);
            }
            let count = done.len();
            handed += count as u64;
            self.metrics.handed(count as u64);
            if let Err(error) = queue.all_done(done).await {
                tracing::error!(name, %error, "what was handed on cannot be taken from the queue");
                return false;
            }
            if count < whole {
                if self.agents.of(name).is_empty() {
                    return false;
                }
                sleep(pause).await;
                pause = (pause * 2).min(NOT_KEPT[1]);
            } else {
                pause = NOT_KEPT[0];
            }
        }
    }

    /// Hands one on that has waited; true where it need not wait any longer.
    async fn hand_waiting(&self, name: &str, waiting: Waiting) -> bool {
        let Some(arrived) = Arrived::from_waiting(waiting) else {
            tracing::error!(
                name,
                "a delivery that waited cannot be read and is left out"
            );
            return true;
        };
        let links = self.agents.of(name);
        let Some((first, others)) = links.split_first() else {
            return false;
        };
        let Ok(answer) = self.hand(first, &arrived, true).await else {
            return false;
        };
        if !answer.headers().contains_key(names::KEPT) {
            let status = answer.status();
            if !is_final(status) {
                return false;
            }
            // It will never be taken, and everything behind it would wait for ever.
            tracing::warn!(
                name,
                id = &*arrived.id,
                status = status.as_u16(),
                "the agent does not take a delivery that waited; it is dropped"
            );
        }
        for other in others {
            self.copy_to(other, &arrived, true);
        }
        let mut body = answer.into_body();
        while let Some(Ok(_)) = body.frame().await {}
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived() -> Arrived {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "Shop.example.com"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("expect", "100-continue"),
            ("cmhook-relay-id", "forged"),
            ("cmhook-relay-anything", "forged"),
            ("x-cakemail-signature", "abc"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        Arrived {
            id: "01J".into(),
            received_at: "2026-11-28T10:00:00.123456Z".parse().unwrap(),
            peer: "192.0.2.1:5".parse().unwrap(),
            https: true,
            method: Method::from_bytes(b"REPORT").unwrap(),
            path: "/a/../%2F;x?q={}".parse().unwrap(),
            host: "Shop.example.com".parse().unwrap(),
            headers,
            body: Bytes::from_static(b"\0\xff"),
        }
    }

    #[test]
    fn the_tunnel_carries_the_request_and_what_the_relay_knows() {
        let request = arrived().request(false).unwrap();
        assert_eq!(request.uri(), "https://Shop.example.com/a/../%2F;x?q={}");
        assert_eq!(request.method().as_str(), "REPORT");
        let mut fields: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "cmhook-relay-id: 01J",
                "cmhook-relay-peer: 192.0.2.1:5",
                "cmhook-relay-scheme: https",
                "x-cakemail-signature: abc"
            ]
        );
        let waited = arrived().request(true).unwrap();
        assert_eq!(
            waited.headers()[names::QUEUED_AT],
            "2026-11-28T10:00:00.123456Z"
        );
    }

    #[test]
    fn what_waits_comes_back_as_it_was() {
        let there = arrived();
        let back = Arrived::from_waiting(there.clone().into_waiting()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{there:?}"));
        let mut http2 = arrived();
        http2.headers.remove(header::HOST);
        let back = Arrived::from_waiting(http2.into_waiting()).unwrap();
        assert_eq!(back.host, "Shop.example.com");
    }
}
