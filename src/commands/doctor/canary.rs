//! Canaries: sending one, and telling what came of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::Value;

use super::Doctor;
use super::facts::Heard;
use super::web::Page;
use crate::cakemail::sample;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::capture::again::secret_for;
use crate::capture::answer::AnswerBody;
use crate::capture::canary::{self, CanaryKey};
use crate::capture::trigger::random_seed;
use crate::check::Check;
use crate::check::account::Life;
use crate::delivery::Scheme;
use crate::delivery::words::took;
use crate::http::headers::to_kept;

pub(super) const ID: &str = "canary";
const EVENT: &str = "email.opened";

/// The longest canary.
const LONGEST: usize = 64 << 10;

impl Doctor<'_> {
    /// A secret to sign a canary with.
    pub(super) async fn canary_secret(&self) -> Option<Secret> {
        let own = &self.configured.settings.secrets;
        if let Some(secret) = secret_for(own, Some(EVENT)) {
            return Some(secret.clone());
        }
        self.opened().await.key_near(&self.near().await)
    }

    /// Sends a canary to a running listener by its public URL.
    pub(super) async fn through(&self, url: &str, heard: &Heard) -> Check {
        let Some(key) = &heard.key else {
            return Check::skip(ID, "the listener has no token to tell a canary by");
        };
        let secret = self.canary_secret().await;
        let scheme = self.canary_scheme().await;
        match self.fly(url, key, secret.as_ref(), scheme).await {
            Err(check) => check,
            Ok(flown) => judge(url, &flown, secret.as_ref()),
        }
    }

    /// The scheme in which deliveries are the likeliest to come: what stands in between may
    /// drop the header of one and not of another.
    pub(super) async fn canary_scheme(&self) -> Scheme {
        let schemes = self.schemes().await;
        schemes.first().copied().unwrap_or(Scheme::ApiBase64)
    }

    /// Sends one canary. The error is what came of it in place of an answer to it.
    pub(super) async fn fly(
        &self,
        url: &str,
        key: &CanaryKey,
        secret: Option<&Secret>,
        scheme: Scheme,
    ) -> Result<Flown, Check> {
        let Ok(seed) = random_seed() else {
            return Err(Check::skip(ID, "the system gives no random numbers"));
        };
        let id = format!("{seed:016x}");
        let body: Bytes = sample::find(EVENT).map_or_else(Bytes::new, |sample| {
            sample
                .body(sample.envelope(), seed, Timestamp::now())
                .into()
        });
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(value) = HeaderValue::from_str(&key.asks(&id)) {
            headers.insert(canary::FIELD, value);
        }
        if let Some(secret) = secret
            && let Ok(name) = HeaderName::from_bytes(scheme.header().as_bytes())
            && let Ok(value) = HeaderValue::from_str(&secret.sign(scheme, &body))
        {
            headers.insert(name, value);
        }
        let begun = Instant::now();
        let page = match self.web().ask(Method::POST, url, headers, body).await {
            Ok(page) => page,
            Err(silence) => {
                return Err(
                    Check::fail(ID, format!("{url}: {}", silence.reason)).cure(silence.hint)
                );
            }
        };
        let said: Value = serde_json::from_slice(&page.body).unwrap_or(Value::Null);
        let verdict = said["verdict"]["status"].as_str().unwrap_or_default();
        let field = page
            .headers
            .get(canary::FIELD)
            .and_then(|value| value.to_str().ok());
        if field.is_some_and(|field| key.is_answer(field, &id, verdict)) {
            return Ok(Flown {
                verdict: verdict.to_owned(),
                scheme,
                took: begun.elapsed(),
            });
        }
        Err(strayed(url, &page))
    }

    /// Whether the running listener knows that secret: it verifies a canary of it.
    pub(super) async fn listener_knows(&self, heard: &Heard, secret: &Secret) -> bool {
        let Some(key) = &heard.key else {
            return false;
        };
        let flown = self
            .fly(&heard.url, key, Some(secret), Scheme::ApiBase64)
            .await;
        flown.is_ok_and(|flown| flown.verdict == "valid")
    }
}

/// A canary that arrived.
pub(super) struct Flown {
    verdict: String,
    /// How it was signed, where there is a secret.
    scheme: Scheme,
    took: Duration,
}

pub(super) fn judge(url: &str, flown: &Flown, secret: Option<&Secret>) -> Check {
    let time = took(flown.took);
    let arrived = format!("a canary sent to {url} arrived within {time}");
    let label = secret.map_or("", |secret| &**secret.label());
    match &*flown.verdict {
        "valid" => Check::ok(
            ID,
            format!("{arrived}, and its signature is right (secret `{label}`)"),
        ),
        "unsigned" if secret.is_some() => {
            let header = flown.scheme.header();
            Check::fail(
                ID,
                format!("{arrived}, but without its signature: what stands in between drops the header {header}"),
            )
            .cure(format!(
                "have the tunnel or proxy in front of the listener pass {header} on as it is"
            ))
        }
        "unsigned" => Check::ok(
            ID,
            format!("{arrived}, unsigned: no secret is known to sign it with"),
        ),
        "unchecked" => Check::warn(
            ID,
            format!("{arrived}, and the listener knows no secret to check it with"),
        )
        .cure("give it the webhook's secret: `--secret`, CMHOOK_SECRET, or `s` on its screen"),
        _ => Check::warn(
            ID,
            format!("{arrived}, and the listener does not know the secret `{label}`"),
        )
        .cure("restart the listener with that secret, or press `s` on its screen"),
    }
}

/// Something else answered.
fn strayed(url: &str, page: &Page) -> Check {
    let status = page.status.as_u16();
    if let Life::Dead(why) = life(page) {
        return Check::fail(ID, format!("{url} {why}"))
            .cure("start the listener, or its tunnel, again");
    }
    let is_other = page.body.starts_with(b"cmhook: a canary of another run");
    let found = if is_other {
        format!("another listener answers at {url}")
    } else {
        format!("{url} answers {status}, and it is not this machine's listener that does")
    };
    Check::fail(ID, found).cure("does the URL lead to the port that `cmhook listen` names? A tunnel in front of the app itself passes by cmhook")
}

/// The field of a canary that proves nothing: a listener that gets it refuses it, and its app
/// does not see it.
pub(super) fn probe() -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(canary::FIELD, HeaderValue::from_static("probe"));
    headers
}

/// Whether somebody is behind what answered. Tunnels answer for those that are gone.
pub(super) fn life(page: &Page) -> Life {
    let status = page.status.as_u16();
    let text = |name: &str| page.headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(code) = text("ngrok-error-code") {
        return Life::Dead(format!(
            "answers {status}: ngrok says that its tunnel is offline ({code})"
        ));
    }
    match text("cmhook-reason") {
        Some("queued") => {
            return Life::Dead(
                "leads to a relay whose listener is away; what is sent waits".into(),
            );
        }
        Some("offline") => return Life::Dead("leads to a relay whose listener is away".into()),
        Some("no_such_tunnel" | "unknown_host") => {
            return Life::Dead("leads to a relay that has no such tunnel".into());
        }
        _ => {}
    }
    match status {
        502..=504 | 520..=530 => Life::Dead(format!("answers {status}: nobody is behind it")),
        _ => Life::Alive,
    }
}

/// What a tunnel that is open for a canary alone answers.
pub(super) async fn answer_canary(
    request: Request<Incoming>,
    key: CanaryKey,
    secrets: Arc<[Secret]>,
) -> Response<AnswerBody> {
    let (parts, body) = request.into_parts();
    let Some(field) = canary::field(&parts.headers) else {
        // The relay takes a tunnel that breaks for no answer, and keeps the delivery.
        return std::future::pending().await;
    };
    let Some(id) = key.id_in(field) else {
        return canary::refusal();
    };
    let body = Limited::new(body, LONGEST).collect().await;
    let body = body
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    key.answer(id, &verify(&secrets, &to_kept(&parts.headers), &body))
}
