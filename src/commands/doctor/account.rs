//! The checks of the account at Cakemail.

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use http::{Method, Uri};
use secrecy::ExposeSecret as _;

use super::Doctor;
use super::canary::{life, probe};
use crate::account::http::Seen;
use crate::account::{Api, Credentials, Trouble};
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::check::Check;
use crate::check::account::{Account, Known, Life, clock, secrets, urls};
use crate::check::public::plain;
use crate::delivery::words::took;
use crate::http::line::is_loopback;

/// Keys are asked for so many at once, and of so many webhooks.
const AT_ONCE: usize = 4;
const KEYS: usize = 100;

/// So many URLs are tried.
const URLS: usize = 20;

/// What is to be known behind an API.
const BEHIND: [&str; 5] = ["webhooks", "events", "duplicates", "urls", "secrets"];

/// The account, as far as it opens.
pub(super) struct Opened {
    api: Check,
    seen: Seen,
    shown: String,
    /// `None` where the API gave none.
    got: Option<Got>,
}

struct Got {
    webhooks: Vec<Webhook>,
    /// Of active ones, in their order.
    keys: Vec<(String, Option<Secret>)>,
}

impl Opened {
    pub(super) const fn is_sandbox(&self) -> bool {
        self.seen.sandbox
    }

    /// Any key, to sign with.
    pub(super) fn first_key(&self) -> Option<Secret> {
        let got = self.got.as_ref()?;
        got.keys.iter().find_map(|(_, key)| key.clone())
    }

    fn closed(shown: String, api: Check) -> Self {
        Self {
            api,
            seen: Seen::default(),
            shown,
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
                return Opened::closed(String::new(), check.cure(trouble.hint()));
            }
        };
        let from = credentials.from();
        let api = Api::new(settings, credentials);
        let shown = api.shown().to_owned();
        let webhooks = match api.all(true).await {
            Ok(webhooks) => webhooks,
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
        let found = format!("{shown}{sandbox} answers{time} (credentials from {from}{account})");
        Opened {
            api: Check::ok(ID, found),
            seen,
            shown,
            got: Some(Got {
                keys: keys(&api, &webhooks).await,
                webhooks,
            }),
        }
    }

    /// The keys of the active webhooks that point here, or of all where it is not known
    /// where here is.
    pub(super) async fn keys_here(&self) -> Vec<Secret> {
        let Some(got) = &self.opened().await.got else {
            return Vec::new();
        };
        let public = self.way().await.url.as_deref();
        let ours = |id: &str| {
            self.about(got, public)
                .ours()
                .any(|webhook| webhook.id == id)
        };
        let keys = got.keys.iter().filter(|(id, _)| ours(id));
        keys.filter_map(|(_, key)| key.clone()).collect()
    }

    fn about<'a>(&'a self, got: &'a Got, public: Option<&'a str>) -> Account<'a> {
        Account {
            webhooks: &got.webhooks,
            public,
            events: &self.configured.events,
        }
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
        let public = self.way().await.url.as_deref();
        let account = self.about(got, public);
        checks.push(account.webhooks());
        checks.push(account.events());
        checks.push(account.duplicates());
        let (urls, secrets) = tokio::join!(
            self.urls(opened, got, &account),
            self.secrets(got, &account)
        );
        checks.extend([urls, secrets]);
        checks
    }

    /// Whether somebody is at the URLs of webhooks that do not lead here.
    async fn urls(&self, opened: &Opened, got: &Got, account: &Account<'_>) -> Check {
        let mut distinct: Vec<String> = Vec::new();
        for webhook in active(&got.webhooks) {
            let is_here = account.public.is_some() && account.is_ours(webhook);
            let url = plain(&webhook.url);
            if !is_here && !distinct.contains(&url) {
                distinct.push(url);
            }
        }
        distinct.truncate(URLS);
        let web = self.web();
        let tried = distinct.into_iter().map(|url| {
            let web = web.clone();
            async move {
                if !opened.is_sandbox() && !is_public(&url) {
                    return (url, Life::Private);
                }
                let life = match web.ask(Method::HEAD, &url, probe(), Bytes::new()).await {
                    Ok(page) => life(&page),
                    Err(silence) => Life::Dead(silence.reason),
                };
                (url, life)
            }
        });
        urls(&join_all(tried).await)
    }

    async fn secrets(&self, got: &Got, account: &Account<'_>) -> Check {
        let own = &self.configured.settings.secrets;
        let heard = self.listening().await.heard();
        let mut ours = Vec::new();
        for webhook in account.ours() {
            let Some((_, key)) = got.keys.iter().find(|(id, _)| *id == webhook.id) else {
                continue;
            };
            let is_own = |key: &Secret| own.iter().any(|own| own.is_same(key));
            let by_listener = match (key, heard) {
                (Some(key), Some(heard)) if !is_own(key) => self.listener_knows(heard, key).await,
                _ => false,
            };
            ours.push(Known {
                webhook,
                key: key.as_ref(),
                by_listener,
            });
        }
        let all: Vec<_> = got
            .keys
            .iter()
            .filter_map(|(_, key)| key.as_ref())
            .collect();
        secrets(own, &ours, &all)
    }
}

fn active(webhooks: &[Webhook]) -> impl Iterator<Item = &Webhook> {
    webhooks
        .iter()
        .filter(|webhook| webhook.status == WebhookStatus::Active)
}

async fn keys(api: &Api, webhooks: &[Webhook]) -> Vec<(String, Option<Secret>)> {
    let asked = active(webhooks).take(KEYS).map(|webhook| async move {
        let got = api.get(&webhook.id).await.ok();
        let key = got.and_then(|got| got.key).and_then(|key| {
            let label = format!("{} {}", webhook.event, webhook.id);
            Secret::new(&label, Some(&webhook.event), key.expose_secret()).ok()
        });
        (webhook.id.clone(), key)
    });
    stream::iter(asked).buffered(AT_ONCE).collect().await
}

/// Whether Cakemail can call it.
fn is_public(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else {
        return false;
    };
    url.scheme_str() == Some("https") && !is_loopback(&url)
}
