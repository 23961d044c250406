//! What the account at Cakemail has, and how that fits what is here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::SignedDuration;

use super::public::{leads_to, plain};
use super::{Check, counted, listed};
use crate::cakemail::event::EventPattern;
use crate::cakemail::signature::Secret;
use crate::cakemail::webhook::{RatePeriod, Webhook, WebhookStatus};

/// A clock that is off by less is right: an API tells whole seconds, and the way there takes
/// its time.
const OFF: i64 = 5;
/// One that is off by more makes certificates and tokens fail.
const FAR_OFF: i64 = 60;

/// More names than this are not listed.
const MANY: usize = 8;

/// What the difference to another clock means; `ahead` is how far this machine's is before.
pub fn clock(whose: &str, ahead: SignedDuration) -> Check {
    const ID: &str = "clock";
    let seconds = ahead.as_secs().abs();
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    let found = format!("this machine's clock is {seconds} s {side} that of {whose}");
    let cure = "set it by NTP (`timedatectl set-ntp true`); signatures have no time in them, but certificates and tokens do";
    match seconds {
        FAR_OFF.. => Check::fail(ID, found).cure(cure),
        OFF.. => Check::warn(ID, found).cure(cure),
        _ => Check::ok(ID, format!("within {OFF} s of that of {whose}")),
    }
}

/// The webhooks of an account, and what is asked of them.
#[derive(Debug)]
pub struct Account<'a> {
    /// All, archived ones too.
    pub webhooks: &'a [Webhook],
    /// Where the world reaches this machine, where that is known.
    pub public: Option<&'a str>,
    /// The events that should arrive.
    pub events: &'a [EventPattern],
}

fn is_active(webhook: &Webhook) -> bool {
    webhook.status == WebhookStatus::Active
}

/// Up to a handful of names, and how many more.
fn some(names: &[&str]) -> String {
    match names.len().checked_sub(MANY) {
        Some(more) if more > 0 => format!("{} and {more} more", names[..MANY].join(", ")),
        _ => listed(names),
    }
}

impl<'a> Account<'a> {
    fn active(&self) -> impl Iterator<Item = &'a Webhook> {
        self.webhooks.iter().filter(|webhook| is_active(webhook))
    }

    /// Whether a webhook points here, or where `here` is not known anywhere.
    pub fn is_ours(&self, webhook: &Webhook) -> bool {
        self.public
            .is_none_or(|public| leads_to(&webhook.url, public))
    }

    /// Those that are sent something, here where that is known.
    pub fn ours(&self) -> impl Iterator<Item = &'a Webhook> {
        self.active().filter(|webhook| self.is_ours(webhook))
    }

    fn create(&self, events: &[&str]) -> String {
        let url = self.public.unwrap_or("URL");
        let other = if self.public.is_some() {
            ", or listen with `cmhook listen --register`"
        } else {
            ""
        };
        format!(
            "`cmhook webhooks create -u {url} -e {}`{other}",
            events.join(",")
        )
    }

    /// Which there are, and whether one points here.
    pub fn webhooks(&self) -> Check {
        const ID: &str = "webhooks";
        let active: Vec<_> = self.active().collect();
        let archived = self.webhooks.len() - active.len();
        let mut found = format!("{} active, {archived} archived", active.len());
        if active.is_empty() {
            return Check::warn(ID, format!("{found}: Cakemail sends nothing"))
                .cure(self.create(&["email.opened"]));
        }
        for webhook in &active {
            if let Some(limit) = low_limit(webhook) {
                let _ = write!(found, "; {} gets {limit} at most", webhook.id);
            }
        }
        let Some(public) = self.public else {
            return Check::ok(
                ID,
                format!("{found}; which of them point here is not known without a public URL"),
            );
        };
        let ours: Vec<_> = self.ours().map(|webhook| &*webhook.event).collect();
        if ours.is_empty() {
            return Check::warn(ID, format!("{found}; none points to {public}"))
                .cure(self.create(&["email.opened"]));
        }
        Check::ok(
            ID,
            format!(
                "{found}; {} to {public}: {}",
                match ours.len() {
                    1 => "1 points".to_owned(),
                    n => format!("{n} point"),
                },
                some(&ours)
            ),
        )
    }

    /// Whether the events that were asked for are sent.
    pub fn events(&self) -> Check {
        const ID: &str = "events";
        if self.events.is_empty() {
            return Check::skip(ID, "no events were asked for; `--events email.opened` does");
        }
        let mut missing: Vec<&'static str> = Vec::new();
        let mut sent: Vec<&'static str> = Vec::new();
        let mut unknown: Vec<String> = Vec::new();
        let mut meant: Option<String> = None;
        for pattern in self.events {
            let names = pattern.api_names();
            if names.is_empty() {
                unknown.push(pattern.to_string());
                let name = pattern.suggestion().map(std::borrow::Cow::into_owned);
                meant = meant.or(name);
            }
            for name in names {
                let is_sent = self.ours().any(|webhook| same_event(&webhook.event, name));
                let list = if is_sent { &mut sent } else { &mut missing };
                if !list.contains(&name) {
                    list.push(name);
                }
            }
        }
        let here = self
            .public
            .map_or_else(String::new, |public| format!(" to {public}"));
        if !missing.is_empty() {
            let found = format!("no active webhook sends {}{here}", some(&missing));
            return Check::fail(ID, found).cure(self.cure_of(&missing));
        }
        if !unknown.is_empty() {
            let found = format!("the API sends no event called {}", listed(&unknown));
            return Check::warn(ID, found).cure(match meant {
                Some(name) => format!("did you mean `{name}`?"),
                None => "`cmhook trigger --list` lists the names that are known; those in upper case are the API's".into(),
            });
        }
        Check::ok(ID, format!("{} sent{here}", is_or_are(&sent)))
    }

    /// Archived ones are brought back, others made.
    fn cure_of(&self, missing: &[&str]) -> String {
        let archived = |name: &str| {
            let of = |webhook: &&Webhook| {
                !is_active(webhook) && same_event(&webhook.event, name) && self.is_ours(webhook)
            };
            self.webhooks.iter().find(of)
        };
        let (mut back, mut make) = (Vec::new(), Vec::new());
        for name in missing {
            match archived(name) {
                Some(webhook) => back.push(&*webhook.id),
                None => make.push(*name),
            }
        }
        let mut cures = Vec::new();
        if !back.is_empty() {
            cures.push(format!("`cmhook webhooks unarchive {}`", back.join(" ")));
        }
        if !make.is_empty() {
            cures.push(self.create(&make));
        }
        cures.join("; ")
    }

    /// Whether something is sent twice.
    pub fn duplicates(&self) -> Check {
        const ID: &str = "duplicates";
        let mut by: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for webhook in self.active() {
            let key = (plain(&webhook.url), webhook.event.to_lowercase());
            by.entry(key).or_default().push(&webhook.id);
        }
        let twice: Vec<_> = by.into_iter().filter(|(_, ids)| ids.len() > 1).collect();
        let Some(((url, _), ids)) = twice.first() else {
            return Check::ok(ID, "no event is sent to the same URL twice");
        };
        let event = self.webhooks.iter().find(|webhook| webhook.id == ids[0]);
        let event = event.map_or("", |webhook| &webhook.event);
        let more = match twice.len() - 1 {
            0 => String::new(),
            more => format!("; {more} more are, too"),
        };
        let surplus: Vec<_> = twice
            .iter()
            .flat_map(|(_, ids)| &ids[1..])
            .copied()
            .collect();
        let found = format!(
            "{event} is sent to {url} {} times, by {}{more}",
            ids.len(),
            listed(ids)
        );
        Check::warn(ID, found).cure(format!("`cmhook webhooks delete {}`", surplus.join(" ")))
    }
}

fn is_or_are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", some(names))
}

fn same_event(one: &str, other: &str) -> bool {
    one.eq_ignore_ascii_case(other)
        || other
            .parse::<EventPattern>()
            .is_ok_and(|pattern| pattern.matches(one))
}

/// A limit of less than one a second.
fn low_limit(webhook: &Webhook) -> Option<String> {
    let (rate, period) = (webhook.rate_limit, webhook.rate_limit_period);
    let a_second = match period {
        RatePeriod::Second => rate,
        RatePeriod::Minute => rate / 60,
        RatePeriod::Hour => rate / 3600,
        RatePeriod::Day => rate / 86_400,
    };
    (a_second < 1).then(|| format!("{rate} a {period}"))
}

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

/// Whether the secrets that are known here are those of the account's webhooks. `ours` are
/// those that point here; `all` has every key that was read.
pub fn secrets(own: &[Secret], ours: &[Known<'_>], all: &[&Secret]) -> Check {
    const ID: &str = "secrets";
    let is_known = |known: &Known<'_>| {
        known.by_listener
            || known
                .key
                .is_none_or(|key| own.iter().any(|own| own.is_same(key)))
    };
    let unknown: Vec<_> = ours.iter().filter(|known| !is_known(known)).collect();
    if !unknown.is_empty() {
        let names: Vec<_> = unknown
            .iter()
            .map(|known| format!("{} ({})", known.webhook.event, known.webhook.id))
            .collect();
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        let found = if own.is_empty() {
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
        return Check::fail(ID, found).cure(format!(
            "`cmhook webhooks get {} --show-secrets` shows the key: give it with `--secret`, CMHOOK_SECRET or in cmhook.toml; `cmhook listen --register` fetches keys by itself",
            unknown.first().map_or("ID", |known| &known.webhook.id)
        ));
    }
    let stale: Vec<_> = own
        .iter()
        .filter(|own| all.iter().all(|key| !key.is_same(own)))
        .map(|own| format!("`{}`", own.label()))
        .collect();
    if !stale.is_empty() {
        let belong = if stale.len() == 1 {
            "belongs"
        } else {
            "belong"
        };
        return Check::warn(
            ID,
            format!(
                "{} {belong} to no active webhook of this account",
                listed(&stale)
            ),
        )
        .cure("leave it out where it is an old one; is it the right account?");
    }
    match ours.len() {
        0 => Check::skip(ID, "no active webhook points here"),
        count => Check::ok(
            ID,
            format!("the keys of {} are known", counted(count, "webhook")),
        ),
    }
}

/// What a URL says that webhooks point to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Life {
    /// Somebody answers.
    Alive,
    /// Nobody does, and why.
    Dead(String),
    /// It cannot be Cakemail's to call.
    Private,
}

/// Whether the URLs that webhooks point to are alive.
pub fn urls(found: &[(String, Life)]) -> Check {
    const ID: &str = "urls";
    let dead: Vec<_> = found
        .iter()
        .filter_map(|(url, life)| match life {
            Life::Alive => None,
            Life::Dead(why) => Some(format!("{url}: {why}")),
            Life::Private => Some(format!(
                "{url} is not a public https URL, which is all that Cakemail calls"
            )),
        })
        .collect();
    match (found.len(), dead.len()) {
        (0, _) => Check::skip(ID, "no active webhook points anywhere else"),
        (1, 0) => Check::ok(ID, format!("{} answers", found[0].0)),
        (count, 0) => Check::ok(ID, format!("all {count} answer")),
        _ => Check::warn(ID, dead.join("; ")).cure(
            "start what should be there, point the webhook elsewhere (`cmhook webhooks update ID -u URL`), or archive it (`cmhook webhooks delete ID`)",
        ),
    }
}
