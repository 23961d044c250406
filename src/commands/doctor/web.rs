//! Asking whoever a URL leads to, as somebody from outside would.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;

use crate::http::line::{Lines, Unconnected, Whom, find};

/// Whom lines lead to.
const WEB: Whom = Whom {
    name: "what the URL leads to",
    trust: "Cakemail trusts public authorities only, so the certificate has to be from one",
};

/// How long an answer may take.
const ANSWERS_WITHIN: Duration = Duration::from_secs(8);

/// Bytes of an answer that are read.
const LONGEST: usize = 64 << 10;

/// What says who asks.
pub(super) const AGENT: HeaderValue = HeaderValue::from_static("Cakemail-Webhooks (cmhook doctor)");

/// Asks.
#[derive(Debug, Clone)]
pub(super) struct Web(Client<Lines, Full<Bytes>>);

/// What was answered.
pub(super) struct Page {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// Why nothing was.
pub(super) struct Silence {
    pub(super) reason: String,
    pub(super) hint: String,
}

impl Web {
    /// With these certificates to trust.
    pub(super) fn new(tls: Arc<rustls::ClientConfig>) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(0)
            .build(Lines::new(tls, WEB));
        Self(client)
    }

    /// One request and its answer.
    pub(super) async fn ask(
        &self,
        method: Method,
        url: &str,
        mut headers: HeaderMap,
        body: Bytes,
    ) -> Result<Page, Silence> {
        headers.insert(USER_AGENT, AGENT);
        let request = Request::builder()
            .method(method)
            .uri(url)
            .body(Full::new(body));
        let Ok(mut request) = request else {
            return Err(Silence {
                reason: "it is no URL".into(),
                hint: String::new(),
            });
        };
        *request.headers_mut() = headers;
        let asking = async {
            let answer = self.0.request(request).await.map_err(|error| why(&error))?;
            let (parts, body) = answer.into_parts();
            let body = Limited::new(body, LONGEST).collect().await;
            Ok(Page {
                status: parts.status,
                headers: parts.headers,
                body: body
                    .map(http_body_util::Collected::to_bytes)
                    .unwrap_or_default(),
            })
        };
        timeout(ANSWERS_WITHIN, asking).await.unwrap_or_else(|_| {
            Err(Silence {
                reason: format!("no answer within {} s", ANSWERS_WITHIN.as_secs()),
                hint: String::new(),
            })
        })
    }
}

fn why(error: &hyper_util::client::legacy::Error) -> Silence {
    match find::<Unconnected>(error) {
        Some(why) => Silence {
            reason: why.reason.clone(),
            hint: why.hint.clone(),
        },
        None => Silence {
            reason: "it hung up before it answered".into(),
            hint: String::new(),
        },
    }
}
