//! Whether the secrets that are known here are those of the account's webhooks.

use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::Webhook;
use crate::check::{Check, Commands, counted, some};

/// A webhook's key, and whether it is known here.
#[derive(Debug)]
pub struct Known<'a> {
    /// The webhook.
    pub webhook: &'a Webhook,
    /// Its key; `None` where the API shows none.
    pub key: Option<&'a Secret>,
    /// Whether the running listener knows it.
    pub by_listener: bool,
}

/// What is compared.
#[derive(Debug)]
pub struct Secrets<'a> {
    /// Those that are known here.
    pub own: &'a [Secret],
    /// The webhooks that point here, as far as their keys were asked for; `None` where it is
    /// not known which do. Those of others are no matter of this machine.
    pub ours: Option<Vec<Known<'a>>>,
    /// Every key that was read.
    pub all: Vec<&'a Secret>,
    /// Of so many active webhooks keys were not asked for.
    pub unasked: usize,
}

impl Secrets<'_> {
    /// Whether the secrets that are known here are those of the account's webhooks.
    pub fn check(&self, commands: &Commands) -> Check {
        let check = self.judged(commands);
        let found = match self.unasked {
            0 => return check,
            more => format!(
                "{}; {} not asked for",
                check.found,
                match more {
                    1 => "the key of 1 active webhook was".to_owned(),
                    more => format!("the keys of {more} active webhooks were"),
                }
            ),
        };
        Check { found, ..check }
    }

    fn is_known(&self, known: &Known<'_>) -> bool {
        let is_own = |key| self.own.iter().any(|own| own.is_same(key));
        known.by_listener || known.key.is_none_or(is_own)
    }

    fn judged(&self, commands: &Commands) -> Check {
        const ID: &str = "secrets";
        let ours = self.ours.iter().flatten();
        let unknown: Vec<_> = ours.filter(|known| !self.is_known(known)).collect();
        if let Some(first) = unknown.first() {
            return self.unknown(&unknown, first, commands);
        }
        let is_stale = |own: &&Secret| self.all.iter().all(|key| !key.is_same(own));
        let stale = self.own.iter().filter(is_stale);
        let stale: Vec<_> = stale.map(|own| format!("`{}`", own.label())).collect();
        if !stale.is_empty() && self.unasked == 0 {
            let belong = if stale.len() == 1 {
                "belongs"
            } else {
                "belong"
            };
            let found = format!(
                "{} {belong} to no active webhook of this account",
                some(&stale)
            );
            return Check::warn(ID, found)
                .cure("leave it out where it is an old one; is it the right account?");
        }
        match &self.ours {
            Some(ours) if !ours.is_empty() => Check::ok(
                ID,
                format!("the keys of {} are known", counted(ours.len(), "webhook")),
            ),
            Some(_) => Check::skip(ID, "no active webhook points here"),
            None if self.own.is_empty() || !stale.is_empty() => Check::skip(
                ID,
                "which webhooks point here is not known without a public URL, and those of others need no secret here",
            ),
            None => Check::ok(
                ID,
                format!(
                    "{} known here, of active webhooks of this account",
                    is_or_are(self.own)
                ),
            ),
        }
    }

    fn unknown(&self, unknown: &[&Known<'_>], first: &Known<'_>, commands: &Commands) -> Check {
        const ID: &str = "secrets";
        let names = unknown.iter().map(|known| {
            let webhook = known.webhook;
            format!("{} ({})", webhook.event, webhook.id)
        });
        let names: Vec<_> = names.collect();
        let found = if self.own.is_empty() {
            format!(
                "no secret is known here: deliveries of {} cannot be checked",
                some(&names)
            )
        } else {
            format!(
                "the keys of these webhooks are not known here, so their deliveries do not verify: {}",
                some(&names)
            )
        };
        Check::fail(ID, found).cure(format!(
            "{} shows the key: give it with `--secret`, CMHOOK_SECRET or in cmhook.toml; `cmhook listen --register` fetches keys by itself",
            commands.webhooks(&["get", &first.webhook.id, "--show-secrets"])
        ))
    }
}

/// ``the secret `a` is``.
fn is_or_are(own: &[Secret]) -> String {
    let labels: Vec<_> = own.iter().map(|own| format!("`{}`", own.label())).collect();
    match labels.len() {
        1 => format!("the secret {} is", labels[0]),
        _ => format!("the secrets {} are", some(&labels)),
    }
}
