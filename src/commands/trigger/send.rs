//! Sending, and what came of each.

use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use tokio::time::{Interval, MissedTickBehavior, timeout_at};

use super::payloads::{Payload, Payloads};
use super::request::Requests;
use crate::capture::failure;
use crate::config::Target;
use crate::delivery::Failure;
use crate::http::client::{Trust, connector};
use crate::http::pool::Client;

/// Answers that are waited for at once where there is a rate.
const AT_ONCE: usize = 64;

/// Bytes of an answer that are looked at.
const LOOK: usize = 512;

/// Sends requests to one target.
pub(super) struct Sender {
    client: Client,
    target: Target,
    requests: Requests,
    timeout: Duration,
}

/// What came of one.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) event: Option<Box<str>>,
    pub(super) took: Duration,
    pub(super) answer: Result<Answer, Failure>,
}

/// What was answered.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// How the body begins.
    pub(super) start: Vec<u8>,
}

impl Sent {
    /// Whether it was answered 2xx.
    pub(super) fn is_fine(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_ok_and(|answer| (200..300).contains(&answer.status))
    }
}

impl Sender {
    /// For this target. `anything` accepts every certificate, on this machine only.
    pub(super) fn new(
        target: Target,
        requests: Requests,
        timeout: Duration,
        anything: bool,
    ) -> Self {
        let trust = match (target.is_https(), anything && target.is_loopback()) {
            (false, _) => Trust::NoTls,
            (true, false) => Trust::System,
            (true, true) => Trust::Anything,
        };
        Self {
            client: Client::new(connector(trust), None),
            target,
            requests,
            timeout,
        }
    }

    /// Sends all of them, one after the other or at an interval, and gives what came of
    /// them in their order.
    pub(super) fn send_all<'a>(
        &'a self,
        payloads: &'a Payloads,
        interval: Option<Duration>,
    ) -> impl Stream<Item = anyhow::Result<Sent>> + 'a {
        let ticks = interval.map(|interval| {
            let mut ticks = tokio::time::interval(interval);
            // What could not be sent in time is not made up for in a burst.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        let at_once = if interval.is_some() { AT_ONCE } else { 1 };
        let due = stream::unfold(
            (0, ticks),
            |(n, mut ticks): (u64, Option<Interval>)| async move {
                if let Some(ticks) = &mut ticks {
                    ticks.tick().await;
                }
                Some((n, (n + 1, ticks)))
            },
        );
        let count = usize::try_from(payloads.len()).unwrap_or(usize::MAX);
        due.take(count)
            .map(move |n| async move { Ok(self.send(payloads.made(n)?).await) })
            .buffered(at_once)
    }

    async fn send(&self, payload: Payload) -> Sent {
        let begun = Instant::now();
        let answer = self.ask(&payload).await;
        Sent {
            event: payload.event,
            took: begun.elapsed(),
            answer,
        }
    }

    async fn ask(&self, payload: &Payload) -> Result<Answer, Failure> {
        let target = &self.target;
        let Some(url) = target.url_for("/") else {
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
            start,
        })
    }
}
