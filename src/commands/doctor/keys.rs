//! The keys of the account's webhooks, as far as the API tells them in time.

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, timeout_at};

use super::Doctor;
use super::account::{active, leads_to_any};
use super::app::App;
use crate::account::Api;
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::Webhook;
use crate::check::account::Unread;
use crate::config::Target;
use crate::http::line::is_loopback;

/// Keys are asked for so many at once, of so many webhooks, and for so long: what does not
/// need them is to have its time, too.
const AT_ONCE: usize = 4;
const MOST: usize = 100;
const WITHIN: Duration = Duration::from_secs(8);

/// Keys of active webhooks, as far as they were asked for.
pub(super) struct Keys(Vec<(String, Key)>);

enum Key {
    /// The API told it, or that it shows none.
    Told(Option<Secret>),
    /// It did not, and why; and what to do about it.
    Unread(String, String),
}

impl Keys {
    /// Asks for them, first for those of webhooks that lead to one of the URLs.
    pub(super) async fn ask(api: &Api, webhooks: &[Webhook], near: &[String]) -> Self {
        let mut first: Vec<&Webhook> = active(webhooks).collect();
        first.sort_by_key(|webhook| !leads_to_any(webhook, near));
        let until = Instant::now() + WITHIN;
        let asked = first
            .into_iter()
            .take(MOST)
            .map(|webhook| async move { (webhook.id.clone(), one(api, webhook, until).await) });
        Self(stream::iter(asked).buffered(AT_ONCE).collect().await)
    }

    /// Of how many webhooks they were asked for.
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the API told that webhook's, or that it shows none.
    pub(super) fn is_told(&self, webhook: &Webhook) -> bool {
        let mut told = self.0.iter().filter(|(_, key)| matches!(key, Key::Told(_)));
        told.any(|(id, _)| *id == webhook.id)
    }

    /// That webhook's, where it is known.
    pub(super) fn of(&self, webhook: &Webhook) -> Option<&Secret> {
        let mut all = self.0.iter();
        match all.find(|(id, _)| *id == webhook.id)? {
            (_, Key::Told(key)) => key.as_ref(),
            (_, Key::Unread(..)) => None,
        }
    }

    /// All that were shown.
    pub(super) fn shown(&self) -> Vec<&Secret> {
        let shown = self.0.iter().filter_map(|(_, key)| match key {
            Key::Told(key) => key.as_ref(),
            Key::Unread(..) => None,
        });
        shown.collect()
    }

    /// Those that were asked for in vain; `ours` are the webhooks that point here.
    pub(super) fn unread<'w>(&self, ours: impl Iterator<Item = &'w Webhook>) -> Option<Unread> {
        let unread = self.0.iter().filter_map(|(id, key)| match key {
            Key::Told(_) => None,
            Key::Unread(why, hint) => Some((id, why, hint)),
        });
        let unread: Vec<_> = unread.collect();
        let (_, why, hint) = unread.first()?;
        let is_unread = |webhook: &&Webhook| unread.iter().any(|(id, ..)| **id == webhook.id);
        Some(Unread {
            count: unread.len(),
            ours: ours.filter(is_unread).count(),
            why: (*why).clone(),
            hint: (*hint).clone(),
        })
    }
}

async fn one(api: &Api, webhook: &Webhook, until: Instant) -> Key {
    let late = || {
        let why = format!("no answer within {} s", WITHIN.as_secs());
        Key::Unread(why, "try again in a while".into())
    };
    if Instant::now() >= until {
        return late();
    }
    match timeout_at(until, api.get(&webhook.id)).await {
        Ok(Ok(got)) => Key::Told(got.key.and_then(|key| {
            let label = format!("{} {}", webhook.event, webhook.id);
            Secret::new(&label, Some(&webhook.event), key.expose_secret()).ok()
        })),
        Ok(Err(error)) => Key::Unread(error.trouble.to_string(), error.trouble.hint()),
        Err(_) => late(),
    }
}

impl Doctor<'_> {
    /// The keys of the active webhooks that point here, or with a sandbox to the app itself.
    pub(super) async fn keys_here(&self, app: &Target) -> Vec<Secret> {
        let Some(got) = &self.opened().await.got else {
            return Vec::new();
        };
        let mut urls = self.here().await;
        if is_loopback(&self.configured.settings.account.api) {
            urls.push(app.to_string());
        }
        let ours = active(&got.webhooks).filter(|webhook| leads_to_any(webhook, &urls));
        ours.filter_map(|webhook| got.key(webhook)).collect()
    }

    /// The keys that an app may check with, with their webhooks' ids: those of webhooks that
    /// point here, or else those of the sample's event. The event's come first.
    pub(super) async fn keys_for(&self, app: &App) -> Vec<(String, Secret)> {
        let Some(got) = &self.opened().await.got else {
            return Vec::new();
        };
        let here = self.keys_here(&app.target).await;
        let is_event = |webhook: &Webhook| webhook.event.eq_ignore_ascii_case(app.event);
        let mut keys: Vec<(&Webhook, Secret)> = active(&got.webhooks)
            .filter_map(|webhook| Some((webhook, got.key(webhook)?)))
            .filter(|(webhook, key)| {
                if here.is_empty() {
                    is_event(webhook)
                } else {
                    here.iter().any(|one| one.is_same(key))
                }
            })
            .collect();
        keys.sort_by_key(|(webhook, _)| !is_event(webhook));
        let keys = keys.into_iter();
        keys.map(|(webhook, key)| (webhook.id.clone(), key))
            .collect()
    }
}
