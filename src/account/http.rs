//! Requests to the API and their answers, whatever they are about.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT, DATE, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use jiff::{SignedDuration, Timestamp};
use tokio::time::{sleep, timeout};

use super::error::Trouble;
use super::said::Answer;
use crate::config::shown_url;
use crate::http::line::{Lines, Obstacle, Unconnected, Whom, find, is_loopback};
use crate::http::tls;

/// Whom lines lead to.
const API: Whom = Whom {
    name: "the API",
    trust: "for a private one, name its certificate in SSL_CERT_FILE",
};

/// How long an answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(15);

/// The longest answer.
const LONGEST: usize = 8 << 20;

/// How long a connection is kept for the next request. Servers close theirs after a second
/// or more, and may do so while it is under way, of which nobody knows then what became.
const IDLE: Duration = Duration::from_millis(500);

/// How often, and how long each time, it waits where the API says to.
const WAITS: u32 = 3;
const WAIT: Duration = Duration::from_secs(5);

/// Sends requests to one API and reads its answers.
#[derive(Debug, Clone)]
pub(super) struct Http {
    base: Uri,
    shown: Arc<str>,
    lines: Lines,
    client: Client<Lines, Full<Bytes>>,
    seen: Arc<Mutex<Seen>>,
}

/// What answers said besides what was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Whether a sandbox answers.
    pub sandbox: bool,
    /// How far this machine's clock is ahead of the API's; `None` where it does not say.
    /// The API's is in whole seconds.
    pub ahead: Option<SignedDuration>,
    /// How long the last answer took.
    pub took: Option<Duration>,
}

fn client(lines: &Lines) -> Client<Lines, Full<Bytes>> {
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        .build(lines.clone())
}

impl Http {
    pub(super) fn new(base: &Uri) -> Self {
        let tls = Arc::new(tls::client(tls::system_roots()));
        let lines = Lines::new(tls, API);
        Self {
            base: base.clone(),
            shown: shown_url(base).into(),
            client: client(&lines),
            lines,
            seen: Arc::default(),
        }
    }

    /// The same with no connection open.
    pub(super) fn afresh(&self) -> Self {
        Self {
            client: client(&self.lines),
            ..self.clone()
        }
    }

    pub(super) fn shown(&self) -> &str {
        &self.shown
    }

    /// One request and its whole answer. Where the API says to wait for a short time, that is
    /// done.
    pub(super) async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let mut waits = 0;
        loop {
            let answer = self
                .once(method.clone(), path, headers.clone(), body.clone())
                .await?;
            let wait = answer.retry_after().filter(|wait| *wait <= WAIT);
            match wait {
                Some(wait) if answer.status == StatusCode::TOO_MANY_REQUESTS && waits < WAITS => {
                    waits += 1;
                    tracing::debug!("{} asks to wait for {wait:?}", self.shown);
                    sleep(wait).await;
                }
                _ => return Ok(answer),
            }
        }
    }

    async fn once(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<Answer, Trouble> {
        let may_be_done = method != Method::GET;
        let Some(request) = self.request(&method, path, headers, body) else {
            return Err(Trouble::NotFound {
                api: self.shown.to_string(),
            });
        };
        let began = Instant::now();
        let hung_up = || Trouble::HungUp {
            api: self.shown.to_string(),
            may_be_done,
        };
        let asking = async {
            let answer = self.client.request(request).await.map_err(|error| {
                find::<Unconnected>(&error)
                    .cloned()
                    .map_or_else(hung_up, |why| Trouble::Unconnected(self.with_sandbox(why)))
            })?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            let body = body.map_err(|error| {
                if error.is::<LengthLimitError>() {
                    Trouble::TooLong {
                        api: self.shown.to_string(),
                        over: LONGEST,
                    }
                } else {
                    hung_up()
                }
            })?;
            Ok(Answer {
                status: parts.status,
                headers: parts.headers,
                body: body.to_bytes().into(),
            })
        };
        let answer = timeout(ANSWERS_WITHIN, asking).await.unwrap_or_else(|_| {
            Err(Trouble::Silent {
                api: self.shown.to_string(),
                after: ANSWERS_WITHIN,
                may_be_done,
            })
        })?;
        tracing::debug!(
            "{method} {path} at {}: {} after {:?}",
            self.shown,
            answer.status,
            began.elapsed()
        );
        self.see(&answer, began.elapsed());
        Ok(answer)
    }

    /// `None` where that is no URL.
    fn request(
        &self,
        method: &Method,
        path: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Option<Request<Full<Bytes>>> {
        let base = self.base.path().trim_end_matches('/');
        let uri = Uri::builder()
            .scheme(self.base.scheme_str().unwrap_or("https"))
            .authority(self.base.authority().map_or("", |a| a.as_str()))
            .path_and_query(format!("{base}{path}"))
            .build();
        let mut request = Request::builder()
            .method(method.clone())
            .uri(uri.ok()?)
            .body(Full::new(body))
            .ok()?;
        *request.headers_mut() = headers;
        let own = request.headers_mut();
        own.insert(ACCEPT, HeaderValue::from_static("application/json"));
        let agent = concat!("cmhook/", env!("CARGO_PKG_VERSION"));
        own.insert(USER_AGENT, HeaderValue::from_static(agent));
        Some(request)
    }

    /// On this machine it is a sandbox that is missing, most of the time.
    fn with_sandbox(&self, why: Unconnected) -> Unconnected {
        let port = self.base.port_u16().unwrap_or(80);
        if why.obstacle != Obstacle::Host || !is_loopback(&self.base) {
            return why;
        }
        Unconnected {
            hint: format!(
                "is the API running? if it is a sandbox, start it with `cmhook sandbox --listen {port}`"
            ),
            ..why
        }
    }

    fn see(&self, answer: &Answer, took: Duration) {
        let date = answer.headers.get(DATE);
        let date = date.and_then(|date| date.to_str().ok());
        let date = date.and_then(|text| jiff::fmt::rfc2822::parse(text).ok());
        // It was written about half way through.
        let half = SignedDuration::try_from(took / 2).unwrap_or_default();
        let ahead = date.map(|date| Timestamp::now().duration_since(date.timestamp()) - half);
        let seen = Seen {
            sandbox: answer.is_of_a_sandbox(),
            ahead,
            took: Some(took),
        };
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = seen;
    }

    pub(super) fn seen(&self) -> Seen {
        *self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
