//! The checks of the account at Cakemail.

use bytes::Bytes;
use futures_util::future::join_all;
use http::{HeaderMap, Method, Uri};
use serde_json::Value;
use tokio::time::timeout_at;

use super::canary::{life, probe};
use super::facts::Heard;
use super::keys::Keys;
use super::{Doctor, late};
use crate::account::http::Seen;
use crate::account::{Api, Credentials, Trouble};
use crate::cakemail::sample::Envelope;
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::{Webhook, WebhookStatus, shown_url, without_user};
use crate::check::Check;
use crate::check::account::{Account, Known, Life, Secrets, clock, urls};
use crate::check::app::Signs;
use crate::check::public::{leads_to, plain};
use crate::commands::account::{client, hint_of};
use crate::commands::register::kept_for_reuse;
use crate::delivery::Scheme;
use crate::delivery::words::took;
use crate::http::line::is_loopback;

/// So many URLs are tried.
const URLS: usize = 20;

/// The ids of its checks.
pub(super) const IDS: [&str; 7] = [
    "api",
    "clock",
    "webhooks",
    "events",
    "duplicates",
    "urls",
    "secrets",
];
/// What is to be known behind an API.
const BEHIND: [&str; 5] = ["webhooks", "events", "duplicates", "urls", "secrets"];

/// The account, as far as it opens.
pub(super) struct Opened {
    api: Check,
    seen: Seen,
    shown: String,
    /// How it sends.
    sends: Sends,
    /// `None` where the API gave none.
    pub(super) got: Option<Got>,
}

/// How an account's deliveries look.
#[derive(Clone, Copy)]
struct Sends {
    scheme: Scheme,
    envelope: Envelope,
}

impl Sends {
    /// As the API's guide has it.
    const DOCUMENTED: Self = Self {
        scheme: Scheme::ApiBase64,
        envelope: Envelope::Api,
    };
}

pub(super) struct Got {
    pub(super) webhooks: Vec<Webhook>,
    keys: Keys,
}

impl Got {
    /// A webhook's key, where it is known.
    pub(super) fn key(&self, webhook: &Webhook) -> Option<Secret> {
        self.keys.of(webhook).cloned()
    }
}

impl Opened {
    pub(super) const fn is_sandbox(&self) -> bool {
        self.seen.sandbox
    }

    /// How deliveries of the account are signed, where there is one.
    pub(super) fn signs(&self) -> Option<Signs> {
        self.got.as_ref().map(|_| Signs {
            scheme: self.sends.scheme,
            is_certain: self.seen.sandbox,
        })
    }

    /// The key of a webhook that leads to one of these URLs, to sign with.
    pub(super) fn key_near(&self, urls: &[String]) -> Option<Secret> {
        let got = self.got.as_ref()?;
        let mut near = active(&got.webhooks).filter(|webhook| leads_to_any(webhook, urls));
        near.find_map(|webhook| got.key(webhook))
    }

    /// Whether that secret is a key of an active webhook; `None` where not all keys were told.
    pub(super) fn has_key(&self, secret: &Secret) -> Option<bool> {
        let got = self.got.as_ref()?;
        if got.keys.shown().iter().any(|key| key.is_same(secret)) {
            return Some(true);
        }
        let are_all = got.keys.shown().len() == active(&got.webhooks).count();
        are_all.then_some(false)
    }

    fn closed(shown: String, api: Check) -> Self {
        Self {
            api,
            seen: Seen::default(),
            shown,
            sends: Sends::DOCUMENTED,
            got: None,
        }
    }
}

impl Doctor<'_> {
    /// Opens it, once.
    pub(super) async fn opened(&self) -> &Opened {
        self.account.get_or_init(|| self.open()).await
    }

    async fn open(&self) -> Opened {
        const ID: &str = "api";
        let settings = &self.configured.settings.account;
        let credentials = match Credentials::find(&settings.api) {
            Ok(credentials) => credentials,
            Err(trouble) => {
                let why = trouble.to_string();
                let check = match &trouble {
                    Trouble::NoCredentials { half: None, .. } => Check::skip(ID, why),
                    _ => Check::fail(ID, why),
                };
                return Opened::closed(String::new(), check.cure(hint_of(&trouble)));
            }
        };
        let from = credentials.from();
        let api = client(settings, credentials);
        let shown = api.shown().to_owned();
        let (webhooks, left_out) = match api.all(true).await {
            Ok(all) => {
                let left_out = all.left_out();
                (all.webhooks, left_out)
            }
            Err(error) => {
                let said = format!("{error:#}");
                let said = if said.contains(&shown) {
                    said
                } else {
                    format!("{shown}: {said}")
                };
                let check = Check::fail(ID, said).cure(error.trouble.hint());
                return Opened {
                    seen: api.seen(),
                    ..Opened::closed(shown, check)
                };
            }
        };
        let seen = api.seen();
        let time = seen
            .took
            .map_or_else(String::new, |time| format!(" within {}", took(time)));
        let sandbox = if seen.sandbox { ", a sandbox," } else { "" };
        let account = settings
            .account
            .map_or_else(String::new, |account| format!(", account {account}"));
        let left_out = left_out.map_or_else(String::new, |text| format!("; {text}"));
        let found =
            format!("{shown}{sandbox} answers{time} (credentials from {from}{account}){left_out}");
        let (near, sends) = (self.near().await, self.sends(&api, seen.sandbox).await);
        Opened {
            api: Check::ok(ID, found),
            seen,
            shown,
            sends,
            got: Some(Got {
                keys: Keys::ask(&api, &webhooks, &near).await,
                webhooks,
            }),
        }
    }

    /// A sandbox sends as it was told to; Cakemail as its API's guide says.
    async fn sends(&self, api: &Api, is_sandbox: bool) -> Sends {
        let documented = Sends::DOCUMENTED;
        if !is_sandbox {
            return documented;
        }
        let url = format!("{}/sandbox", api.shown().trim_end_matches('/'));
        let web = self.web();
        let asked = web.ask(Method::GET, &url, HeaderMap::new(), Bytes::new());
        let about = asked.await.ok();
        let about: Option<Value> = about.and_then(|page| serde_json::from_slice(&page.body).ok());
        let about = about.unwrap_or_default();
        let scheme = about["scheme"].as_str().and_then(Scheme::from_name);
        let envelope = about["envelope"]
            .as_str()
            .and_then(|name| name.parse().ok());
        Sends {
            scheme: scheme.unwrap_or(documented.scheme),
            envelope: envelope.unwrap_or(documented.envelope),
        }
    }

    /// What stands around the data of deliveries, where they come from the API: of the account,
    /// or of the webhooks that the listener has registered.
    pub(super) async fn envelope(&self) -> Option<Envelope> {
        let opened = self.opened().await;
        let heard = self.listening().await.heard();
        let is_registered = heard.is_some_and(|heard| !heard.registered().is_empty());
        (opened.got.is_some() || is_registered).then_some(opened.sends.envelope)
    }

    /// The URLs by which this machine is reached, as far as flags and listener say.
    pub(super) async fn near(&self) -> Vec<String> {
        let heard = self.listening().await.heard();
        let public = [
            self.configured.settings.public_url.as_deref(),
            heard.and_then(Heard::own_url),
            heard.and_then(Heard::public_url),
        ];
        let mut urls: Vec<String> = public.into_iter().flatten().map(str::to_owned).collect();
        // Nobody else can call what is on this machine only.
        if is_loopback(&self.configured.settings.account.api)
            && let Some(heard) = heard
        {
            let by_name = heard.url.replacen("127.0.0.1", "localhost", 1);
            urls.extend([heard.url.clone(), by_name]);
        }
        urls
    }

    /// All of them.
    pub(super) async fn here(&self) -> Vec<String> {
        let mut urls: Vec<String> = self.way().await.url.iter().cloned().collect();
        for url in self.near().await {
            if !urls.contains(&url) {
                urls.push(url);
            }
        }
        urls
    }

    pub(super) async fn account_checks(&self) -> Vec<Check> {
        let opened = self.opened().await;
        let mut checks = vec![opened.api.clone()];
        checks.push(match opened.seen.ahead {
            Some(ahead) => clock(&opened.shown, ahead),
            None => Check::skip("clock", "nobody has said what time it is"),
        });
        let Some(got) = &opened.got else {
            checks.extend(
                BEHIND.map(|id| Check::skip(id, "the API has not told what webhooks there are")),
            );
            return checks;
        };
        let (way, here) = (self.way().await, self.here().await);
        let heard = self.listening().await.heard();
        let registered = heard.map(Heard::registered).unwrap_or_default();
        let kept = self.kept_for_reuse(opened).await;
        let account = Account {
            webhooks: &got.webhooks,
            here: &here,
            lasting: way.url.as_deref().filter(|_| way.is_lasting),
            is_listening: heard.is_some(),
            registered: &registered,
            kept: &kept,
            events: &self.configured.events,
            commands: &self.commands,
        };
        checks.push(account.webhooks());
        checks.push(account.events());
        let (urls, known) = tokio::join!(
            self.bounded(&["urls"], async {
                vec![self.urls(opened, got, &account).await]
            }),
            timeout_at(self.until, self.known(got, &account)),
        );
        let known = known.ok();
        checks.push(account.duplicates(&self.with_known_keys(got, known.as_deref())));
        checks.extend(urls);
        checks.push(match known {
            Some(known) => self.secrets(got, &account, known),
            None => Check::fail("secrets", late()),
        });
        checks
    }

    /// What `--register` keeps of that API's.
    async fn kept_for_reuse(&self, opened: &Opened) -> Vec<String> {
        let api = opened.shown.clone();
        let look = move || kept_for_reuse(&api);
        tokio::task::spawn_blocking(look).await.unwrap_or_default()
    }

    /// The ids of the webhooks whose keys are known here or, as far as that was asked, to the
    /// listener.
    fn with_known_keys<'g>(&self, got: &'g Got, known: Option<&[Known<'g>]>) -> Vec<&'g str> {
        let own = &self.configured.settings.secrets;
        let is_own = |webhook: &&Webhook| {
            let key = got.keys.of(webhook);
            key.is_some_and(|key| own.iter().any(|own| own.is_same(key)))
        };
        let by_listener = known
            .into_iter()
            .flatten()
            .filter(|known| known.by_listener);
        let by_listener = by_listener.map(|known| known.webhook);
        let own = active(&got.webhooks).filter(is_own);
        own.chain(by_listener).map(|webhook| &*webhook.id).collect()
    }

    /// Whether somebody is at the URLs of webhooks that do not lead here.
    async fn urls(&self, opened: &Opened, got: &Got, account: &Account<'_>) -> Check {
        let mut distinct: Vec<String> = Vec::new();
        for webhook in active(&got.webhooks) {
            let url = plain(&webhook.url);
            if !account.is_ours(webhook) && !distinct.contains(&url) {
                distinct.push(url);
            }
        }
        let more = distinct.len().saturating_sub(URLS);
        distinct.truncate(URLS);
        let web = self.web();
        let tried = distinct.into_iter().map(|url| {
            let web = web.clone();
            async move {
                let (shown, url) = (shown_url(&url).into_owned(), without_user(&url));
                if !opened.is_sandbox() && !is_public(&url) {
                    return (shown, Life::Private);
                }
                let life = match web.ask(Method::HEAD, &url, probe(), Bytes::new()).await {
                    Ok(page) => life(&page),
                    Err(silence) => Life::Dead(silence.reason),
                };
                (shown, life)
            }
        });
        urls(&join_all(tried).await, more, &self.commands)
    }

    /// The webhooks that point here whose keys were told, and whether those are known.
    async fn known<'g>(&self, got: &'g Got, account: &Account<'g>) -> Vec<Known<'g>> {
        let own = &self.configured.settings.secrets;
        let heard = self.listening().await.heard();
        let mut ours = Vec::new();
        for webhook in account.ours().filter(|webhook| got.keys.is_told(webhook)) {
            let key = got.keys.of(webhook);
            let is_own = |key: &Secret| own.iter().any(|own| own.is_same(key));
            let by_listener = match (key, heard) {
                (Some(key), Some(heard)) if !is_own(key) => self.listener_knows(heard, key).await,
                _ => false,
            };
            ours.push(Known {
                webhook,
                key,
                by_listener,
            });
        }
        ours
    }

    fn secrets(&self, got: &Got, account: &Account<'_>, ours: Vec<Known<'_>>) -> Check {
        let secrets = Secrets {
            own: &self.configured.settings.secrets,
            ours: (!account.here.is_empty()).then_some(ours),
            all: got.keys.shown(),
            unasked: active(&got.webhooks).count().saturating_sub(got.keys.len()),
            unread: got.keys.unread(account.ours()),
        };
        secrets.check(&self.commands)
    }
}

pub(super) fn leads_to_any(webhook: &Webhook, urls: &[String]) -> bool {
    urls.iter().any(|url| leads_to(&webhook.url, url))
}

pub(super) fn active(webhooks: &[Webhook]) -> impl Iterator<Item = &Webhook> {
    webhooks
        .iter()
        .filter(|webhook| webhook.status == WebhookStatus::Active)
}

/// Whether Cakemail can call it.
fn is_public(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else {
        return false;
    };
    url.scheme_str() == Some("https") && !is_loopback(&url)
}
