//! The checks of the way in from outside: the relay, and a canary through it.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request};
use hyper::body::Incoming;
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use super::canary::{ID, answer_canary, judge, life, probe};
use super::facts::Heard;
use super::web::Web;
use super::{Doctor, late};
use crate::cakemail::signature::Secret;
use crate::capture::canary::CanaryKey;
use crate::capture::trigger::random_seed;
use crate::check::account::Life;
use crate::check::{Check, Status, public};
use crate::config::{Claim, RelaySettings, shown_url};
use crate::delivery::{Phase, Scheme, Tunnel};
use crate::http::tls;
use crate::tunnel::{self, Asking, Delivered};

/// How long a tunnel may take to open.
const OPENS_WITHIN: Duration = Duration::from_secs(10);

/// How the world gets in.
pub(super) struct Way {
    /// The relay, and a canary.
    checks: [Check; 2],
    /// Where it begins, where that is known.
    pub(super) url: Option<String>,
    /// Whether the next listener has it too. A relay that asks nobody for a token gives each
    /// listener another one.
    pub(super) is_lasting: bool,
}

impl Way {
    fn unknown(relay: Check, canary: Check) -> Self {
        Self {
            checks: [relay, canary],
            url: None,
            is_lasting: false,
        }
    }
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
        let (relay, knows_token) = self.relay().await;
        // What the relay said stays, whatever becomes of the canary.
        let given_up = Way::unknown(relay.clone(), Check::fail(ID, late()));
        let way = timeout_at(self.until, self.way_behind(relay, knows_token)).await;
        way.unwrap_or(given_up)
    }

    async fn way_behind(&self, relay: Check, knows_token: bool) -> Way {
        let settings = &self.configured.settings;
        let heard = self.listening().await.heard();
        let own_tunnel = settings.public_url.as_deref();
        if let Some(url) = own_tunnel.or(heard.and_then(Heard::own_url)) {
            return Way {
                checks: [relay, self.own_tunnel(url, heard).await],
                url: Some(url.to_owned()),
                is_lasting: true,
            };
        }
        let tunnel = heard.and_then(Heard::tunnel);
        match (heard, tunnel, &settings.relay) {
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
                    is_lasting: knows_token,
                }
            }
            (_, None, Some(_)) if relay.status == Status::Fail => {
                Way::unknown(relay, Check::skip(ID, "the relay lets no tunnel in"))
            }
            (_, None, Some(settings)) => {
                let (check, url) = Box::pin(self.short_lived(settings)).await;
                Way {
                    checks: [relay, check],
                    // Nobody is to be sent to what is gone already.
                    url: url.filter(|_| knows_token),
                    is_lasting: knows_token,
                }
            }
            // A sandbox on this machine needs no public URL.
            (Some(heard), None, None) if self.opened().await.is_sandbox() => Way {
                checks: [relay, self.through(&heard.url, heard).await],
                url: Some(heard.url.clone()),
                is_lasting: true,
            },
            _ => {
                let why = "no public URL is known; `--relay URL` or `--public-url URL` says which";
                Way::unknown(relay, Check::skip(ID, why))
            }
        }
    }

    /// Whether the relay is there and knows the token; and whether there is one to be known.
    async fn relay(&self) -> (Check, bool) {
        const ID: &str = "relay";
        let Some(settings) = &self.configured.settings.relay else {
            let heard = self.listening().await.heard();
            let relay = heard.and_then(|heard| heard.status["tunnel"]["relay"].as_str());
            let why = match relay {
                Some(relay) => {
                    format!("{relay} is the running listener's, and is asked through it")
                }
                None => "no relay was given".into(),
            };
            return (Check::skip(ID, why), false);
        };
        let shown = shown_url(&settings.url);
        let asking = match asking(settings) {
            Ok(asking) => asking,
            Err(why) => {
                let check = Check::fail(ID, why);
                return (check.cure("give a file with the certificate in PEM"), false);
            }
        };
        match Box::pin(tunnel::ask(asking)).await {
            Ok(about) => {
                let (label, wanted) = (about.token.as_deref(), settings.name.as_deref());
                let check = public::relay(&shown, label, &about.names, wanted);
                (check, label.is_some())
            }
            Err(refused) => {
                let check = Check::fail(ID, format!("{shown}: {}", refused.reason));
                (check.cure(refused.hint), false)
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
        // Before the name is held.
        let (secret, scheme) = (self.canary_secret().await, self.canary_scheme().await);
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
            self.with_tunnel(&tunnel, &key, secret.as_ref(), scheme)
                .await
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
        scheme: Scheme,
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
            (Phase::Online { .. }, Some(url)) => match self.fly(url, key, secret, scheme).await {
                Err(check) => check,
                Ok(flown) => {
                    let check = judge(url, &flown, secret);
                    let found = format!(
                        "{}, through a tunnel that was open for this only: no listener has one",
                        check.found
                    );
                    Check { found, ..check }
                }
            },
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
