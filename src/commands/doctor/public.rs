//! The checks of the way in from outside: the relay, and a canary through it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response};
use http_body_util::{BodyExt as _, Limited};
use hyper::body::Incoming;
use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::Doctor;
use super::facts::Heard;
use super::web::{Page, Web};
use crate::cakemail::sample;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::capture::again::secret_for;
use crate::capture::answer::AnswerBody;
use crate::capture::canary::{self, CanaryKey};
use crate::capture::trigger::random_seed;
use crate::check::account::Life;
use crate::check::{Check, Status, public};
use crate::config::{Claim, RelaySettings, shown_url};
use crate::delivery::words::took;
use crate::delivery::{Phase, Scheme, Tunnel};
use crate::http::headers::to_kept;
use crate::http::tls;
use crate::tunnel::{self, Asking, Delivered};

const ID: &str = "canary";
const EVENT: &str = "email.opened";

/// How long a tunnel may take to open.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// The longest canary.
const LONGEST: usize = 64 << 10;

/// How the world gets in.
pub(super) struct Way {
    /// The relay, and a canary.
    checks: [Check; 2],
    /// Where it begins, where that is known.
    pub(super) url: Option<String>,
}

impl Doctor<'_> {
    pub(super) async fn public(&self) -> Vec<Check> {
        self.way().await.checks.to_vec()
    }

    /// Tries it, once.
    pub(super) async fn way(&self) -> &Way {
        self.way.get_or_init(|| self.find_way()).await
    }

    async fn find_way(&self) -> Way {
        let relay = self.relay().await;
        let own_tunnel = self
            .args
            .public_url
            .as_deref()
            .map(str::trim)
            .filter(|url| !url.is_empty());
        let heard = self.listening().await.heard();
        if let Some(url) = own_tunnel {
            return Way {
                checks: [relay, self.own_tunnel(url, heard).await],
                url: Some(url.to_owned()),
            };
        }
        let tunnel = heard
            .map(|heard| &heard.status["tunnel"])
            .filter(|tunnel| tunnel.is_object());
        match (heard, tunnel, &self.configured.settings.relay) {
            (Some(heard), Some(tunnel), _) => {
                let url = heard.public_url();
                let check = match url {
                    Some(url) => self.through(url, heard).await,
                    None => not_online(tunnel),
                };
                let url = url.or(tunnel["public_url"].as_str());
                Way {
                    checks: [relay, check],
                    url: url.map(ToOwned::to_owned),
                }
            }
            (_, None, Some(_)) if relay.status == Status::Fail => Way {
                checks: [relay, Check::skip(ID, "the relay lets no tunnel in")],
                url: None,
            },
            (_, None, Some(settings)) => {
                let (check, url) = self.short_lived(settings).await;
                Way {
                    checks: [relay, check],
                    url,
                }
            }
            _ => Way {
                checks: [
                    relay,
                    Check::skip(
                        ID,
                        "no public URL is known; `--relay URL` or `--public-url URL` says which",
                    ),
                ],
                url: None,
            },
        }
    }

    /// Whether the relay is there and knows the token.
    async fn relay(&self) -> Check {
        const ID: &str = "relay";
        let Some(settings) = &self.configured.settings.relay else {
            let heard = self.listening().await.heard();
            let relay = heard.and_then(|heard| heard.status["tunnel"]["relay"].as_str());
            return match relay {
                Some(relay) => Check::skip(
                    ID,
                    format!("{relay} is the running listener's, and is asked through it"),
                ),
                None => Check::skip(ID, "no relay was given"),
            };
        };
        let shown = shown_url(&settings.url);
        let asking = match asking(settings) {
            Ok(asking) => asking,
            Err(why) => {
                return Check::fail(ID, why).cure("give a file with the certificate in PEM");
            }
        };
        match tunnel::ask(asking).await {
            Ok(about) => public::relay(
                &shown,
                about.token.as_deref(),
                &about.names,
                settings.name.as_deref(),
            ),
            Err(refused) => {
                Check::fail(ID, format!("{shown}: {}", refused.reason)).cure(refused.hint)
            }
        }
    }

    pub(super) fn web(&self) -> Web {
        let ca = self
            .configured
            .settings
            .relay
            .as_ref()
            .and_then(|relay| relay.ca.as_deref());
        let roots = ca.and_then(|ca| tls::roots_with(ca).ok());
        Web::new(Arc::new(tls::client(
            roots.unwrap_or_else(tls::system_roots),
        )))
    }

    /// A secret to sign a canary with.
    async fn canary_secret(&self) -> Option<Secret> {
        let own = &self.configured.settings.secrets;
        if let Some(secret) = secret_for(own, Some(EVENT)) {
            return Some(secret.clone());
        }
        self.opened().await.first_key()
    }

    /// Sends a canary to a running listener by its public URL.
    async fn through(&self, url: &str, heard: &Heard) -> Check {
        let Some(key) = &heard.key else {
            return Check::skip(ID, "the listener has no token to tell a canary by");
        };
        let secret = self.canary_secret().await;
        match self
            .fly(url, key, secret.as_ref(), Scheme::CakemailHex)
            .await
        {
            Err(check) => check,
            Ok(flown) => judge(url, &flown, secret.as_ref()),
        }
    }

    /// Sends one canary. The error is what came of it in place of an answer to it.
    async fn fly(
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

    /// A URL that is not a relay's.
    async fn own_tunnel(&self, url: &str, heard: Option<&Heard>) -> Check {
        let check = match heard {
            Some(heard) => self.through(url, heard).await,
            None => match self
                .web()
                .ask(Method::HEAD, url, probe(), Bytes::new())
                .await
            {
                Err(silence) => {
                    Check::fail(ID, format!("{url}: {}", silence.reason)).cure(silence.hint)
                }
                Ok(page) => match life(&page) {
                    Life::Dead(why) => {
                        Check::fail(ID, format!("{url} {why}")).cure("start the tunnel")
                    }
                    _ => Check::ok(
                        ID,
                        format!(
                            "{url} answers {}; no listener runs, so where it leads to is not known",
                            page.status.as_u16()
                        ),
                    ),
                },
            },
        };
        let is_https = url
            .get(..8)
            .is_some_and(|start| start.eq_ignore_ascii_case("https://"));
        if check.status == Status::Ok && !is_https && !self.opened().await.is_sandbox() {
            return Check::warn(
                ID,
                format!(
                    "{}; it is not https, and Cakemail calls nothing else",
                    check.found
                ),
            )
            .cure("most tunnels give an https URL for the same address");
        }
        check
    }

    /// Opens a tunnel under the listener's name for as long as a canary takes. What comes for
    /// the app meanwhile gets no answer, so that the relay keeps it for the listener.
    async fn short_lived(&self, settings: &RelaySettings) -> (Check, Option<String>) {
        let asking = match asking(settings) {
            Ok(asking) => asking,
            Err(why) => return (Check::fail(ID, why), None),
        };
        let secret = self.canary_secret().await;
        let token = random_seed()
            .map(|seed| format!("{seed:016x}"))
            .unwrap_or_default();
        let Ok(key) = CanaryKey::new(&token) else {
            return (Check::skip(ID, "the system gives no random numbers"), None);
        };
        let (telling, mut told) = watch::channel(None::<Tunnel>);
        let tell = move |tunnel| {
            telling.send_replace(Some(tunnel));
        };
        let secrets: Arc<[Secret]> = secret.iter().cloned().collect();
        let own_key = key.clone();
        let handle = move |request: Request<Incoming>, _: Delivered| {
            answer_canary(request, own_key.clone(), Arc::clone(&secrets))
        };
        let trying = async {
            let is_settled = |tunnel: &Option<Tunnel>| {
                let phase = tunnel.as_ref().map(|tunnel| &tunnel.phase);
                phase.is_some_and(|phase| !matches!(phase, Phase::Connecting))
            };
            let settled = timeout(OPENS_WITHIN, told.wait_for(is_settled)).await;
            let tunnel = settled
                .ok()
                .and_then(Result::ok)
                .and_then(|tunnel| tunnel.clone());
            let Some(tunnel) = tunnel else {
                return (Check::fail(ID, "the relay opens no tunnel"), None);
            };
            self.with_tunnel(&tunnel, &key, secret.as_ref()).await
        };
        let stop = CancellationToken::new();
        tokio::select! {
            done = trying => done,
            _ = tunnel::run(asking, handle, tell, stop) => (Check::fail(ID, "the tunnel ended at once"), None),
        }
    }

    async fn with_tunnel(
        &self,
        tunnel: &Tunnel,
        key: &CanaryKey,
        secret: Option<&Secret>,
    ) -> (Check, Option<String>) {
        let url = tunnel.public_url.clone();
        let check = match (&tunnel.phase, &url) {
            (Phase::Online { waiting: 1.., .. }, Some(url)) => {
                let Phase::Online { waiting, .. } = tunnel.phase else {
                    return (Check::skip(ID, "the tunnel is gone"), None);
                };
                Check::ok(
                    ID,
                    format!(
                        "the tunnel of {url} opens; {waiting} deliveries wait there for a listener, and no canary was sent past them"
                    ),
                )
            }
            (Phase::Online { .. }, Some(url)) => {
                match self.fly(url, key, secret, Scheme::CakemailHex).await {
                    Err(check) => check,
                    Ok(flown) => {
                        let check = judge(url, &flown, secret);
                        let found = format!(
                            "{}, through a tunnel that was open for this only: no listener has one",
                            check.found
                        );
                        Check { found, ..check }
                    }
                }
            }
            (Phase::Refused { code, reason, .. }, _) if code == "held" => Check::warn(
                ID,
                format!("not tried: {reason}"),
            )
            .cure(
                "where that is your listener, name its store with `--store` and run this beside it",
            ),
            (phase, _) => {
                let (reason, hint) = phase.trouble().unwrap_or(("the relay opens no tunnel", ""));
                Check::fail(ID, reason).cure(hint)
            }
        };
        (check, url)
    }
}

/// A canary that arrived.
struct Flown {
    verdict: String,
    took: Duration,
}

fn judge(url: &str, flown: &Flown, secret: Option<&Secret>) -> Check {
    let time = took(flown.took);
    let arrived = format!("a canary sent to {url} arrived within {time}");
    let label = secret.map_or("", |secret| &**secret.label());
    match &*flown.verdict {
        "valid" => Check::ok(
            ID,
            format!("{arrived}, and its signature is right (secret `{label}`)"),
        ),
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

fn not_online(tunnel: &Value) -> Check {
    let text = |name: &str| tunnel[name].as_str().unwrap_or_default();
    let reason = match text("reason") {
        "" => "",
        reason => &format!(": {reason}"),
    };
    Check::fail(
        ID,
        format!(
            "the listener's tunnel to {} is {}{reason}",
            text("relay"),
            text("state")
        ),
    )
    .cure(text("hint"))
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

fn asking(settings: &RelaySettings) -> Result<Asking, String> {
    let roots = match &settings.ca {
        Some(path) => tls::roots_with(path).map_err(|error| error.to_string())?,
        None => tls::system_roots(),
    };
    Ok(Asking {
        relay: settings.url.clone(),
        token: settings.token.clone(),
        name: settings.name.clone(),
        // A look takes nothing from anybody.
        claim: Claim::Exclusive,
        tls: Arc::new(tls::client(roots)),
    })
}

async fn answer_canary(
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
