//! Whether the secrets that are known here are those of the account's webhooks.

use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::Webhook;
use crate::check::{Check, Commands, counted, some};

/// A webhook's key, and whether it is known here.
#[derive(Debug)]
pub struct Known<'a> {
    /// The webhook.
    pub webhook: &'a Webhook,
    /// Its key, which was read; `None` where the API shows none.
    pub key: Option<&'a Secret>,
    /// Whether the running listener knows it.
    pub by_listener: bool,
}

/// Keys that the API did not tell.
#[derive(Debug)]
pub struct Unread {
    /// Of so many active webhooks.
    pub count: usize,
    /// Of those that point here.
    pub ours: usize,
    /// Why not, of the first.
    pub why: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

/// What is compared.
#[derive(Debug)]
pub struct Secrets<'a> {
    /// Those that are known here.
    pub own: &'a [Secret],
    /// The webhooks that point here, as far as their keys were read; `None` where it is not
    /// known which do. Those of others are no matter of this machine.
    pub ours: Option<Vec<Known<'a>>>,
    /// Every key that was read.
    pub all: Vec<&'a Secret>,
    /// Of so many active webhooks keys were not asked for.
    pub unasked: usize,
    /// Those that were asked for in vain.
    pub unread: Option<Unread>,
}

impl Secrets<'_> {
    /// Whether the secrets that are known here are those of the account's webhooks.
    pub fn check(&self, commands: &Commands) -> Check {
        let check = self.judged(commands);
        let mut found = check.found.clone();
        let keys = |count| match count {
            1 => "the key of 1 active webhook was".to_owned(),
            count => format!("the keys of {count} active webhooks were"),
        };
        if let Some(unread) = &self.unread {
            let keys = keys(unread.count);
            found = format!("{found}; {keys} not told: {}", unread.why);
        }
        if self.unasked > 0 {
            let keys = keys(self.unasked);
            found = format!("{found}; {keys} not asked for");
        }
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
        // One of a key that was not read is none that is too much.
        if !stale.is_empty() && self.unasked == 0 && self.unread.is_none() {
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
        if let Some(unread) = self.unread.as_ref().filter(|unread| unread.ours > 0) {
            let of = counted(unread.ours, "webhook");
            let found = format!("whether the keys of {of} are known here cannot be told");
            return Check::warn(ID, found).cure(&*unread.hint);
        }
        let shown = self.ours.iter().flatten();
        let shown = shown.filter(|known| known.key.is_some()).count();
        match &self.ours {
            Some(_) if shown > 0 => Check::ok(
                ID,
                format!("the keys of {} are known", counted(shown, "webhook")),
            ),
            Some(ours) if !ours.is_empty() => {
                Check::skip(ID, "the API shows no key of the webhooks that point here")
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Status;

    #[test]
    fn a_key_that_is_not_shown_is_not_known() {
        let webhook: Webhook =
            serde_json::from_str(r#"{"id":"A1","event":"Email.Sent","url":"https://a.example"}"#)
                .unwrap();
        let secret = Secret::new("main", None, "a secret").unwrap();
        let check = |key| {
            let known = Known {
                webhook: &webhook,
                key,
                by_listener: false,
            };
            let secrets = Secrets {
                own: std::slice::from_ref(&secret),
                ours: Some(vec![known]),
                all: vec![&secret],
                unasked: 0,
                unread: None,
            };
            secrets.check(&Commands::default())
        };
        assert_eq!(check(Some(&secret)).status, Status::Ok);
        let none = check(None);
        assert_eq!(none.status, Status::Skip, "{none:?}");
    }
}
