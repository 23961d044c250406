//! Samples on their way to the app, and its answers.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, header};
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use jiff::Timestamp;
use tokio::time::timeout;

use super::Doctor;
use super::app::App;
use super::web::AGENT;
use crate::cakemail::sample::{self, Sample};
use crate::cakemail::signature::Secret;
use crate::cakemail::traps::with_traps;
use crate::capture::failure;
use crate::capture::trigger::random_seed;
use crate::check::Check;
use crate::check::app::{Answer, Asked};
use crate::config::Target;
use crate::delivery::{Failure, Scheme};
use crate::http::client::connector;
use crate::http::headers::to_kept;
use crate::http::pool::Client;

/// Bytes of an answer that are read.
const LONGEST: usize = 1 << 20;

/// Sends one body to one target.
pub(super) struct Mail<'a> {
    target: &'a Target,
    client: Client,
    timeout: Duration,
    headers: &'a [(HeaderName, HeaderValue)],
    body: Bytes,
}

impl<'a> Mail<'a> {
    pub(super) fn new(doctor: &'a Doctor<'_>, app: &'a App) -> Option<Self> {
        let sample: &Sample = sample::find(app.event)?;
        let seed = random_seed().ok()?;
        let envelope = app.envelope.unwrap_or_else(|| sample.envelope());
        let body = String::from_utf8(sample.body(envelope, seed, Timestamp::now())).ok()?;
        Some(Self {
            target: &app.target,
            client: Client::new(connector(doctor.trust(&app.target)), None::<SocketAddr>),
            timeout: doctor.timeout,
            headers: &doctor.configured.settings.forward.headers,
            body: with_traps(&body).into(),
        })
    }

    pub(super) fn is_silent(&self, check: &Check) -> bool {
        let after = failure::timed_out(self.target, self.timeout);
        check.found.contains(&*after.message)
    }

    pub(super) async fn send(&self, secret: Option<&Secret>, scheme: Scheme) -> Asked {
        let url = self.target.url_for("/");
        let path = url.as_ref().map_or("/", |url| url.path()).to_owned();
        let begun = Instant::now();
        let answer = match url {
            None => Err(failure::unsendable(self.target)),
            Some(url) => timeout(self.timeout, self.ask(url, secret, scheme))
                .await
                .unwrap_or_else(|_| Err(failure::timed_out(self.target, self.timeout))),
        };
        Asked {
            scheme,
            path,
            body: self.body.clone(),
            took: begun.elapsed(),
            answer,
        }
    }

    async fn ask(
        &self,
        url: http::Uri,
        secret: Option<&Secret>,
        scheme: Scheme,
    ) -> Result<Answer, Failure> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = url;
        let fields = request.headers_mut();
        if let Ok(host) = HeaderValue::from_str(self.target.authority().as_str()) {
            fields.insert(header::HOST, host);
        }
        fields.insert(header::USER_AGENT, AGENT);
        fields.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/json"),
        );
        if let Some(secret) = secret
            && let Ok(name) = HeaderName::from_bytes(scheme.header().as_bytes())
            && let Ok(value) = HeaderValue::from_str(&secret.sign(scheme, &self.body))
        {
            fields.insert(name, value);
        }
        for (name, value) in self.headers {
            fields.insert(name.clone(), value.clone());
        }
        let answer = self.client.request(request).await;
        let answer = answer.map_err(|error| failure::of(self.target, &error))?;
        let (parts, body) = answer.into_parts();
        // How it ends matters as little to Cakemail.
        let body = Limited::new(body, LONGEST).collect().await;
        Ok(Answer {
            status: parts.status.as_u16(),
            headers: to_kept(&parts.headers),
            body: body.map(Collected::to_bytes).unwrap_or_default(),
        })
    }
}
