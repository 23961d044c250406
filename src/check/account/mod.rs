//! What the account at Cakemail has, and how that fits what is here.

mod secrets;
mod urls;

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::public::{leads_to, plain};
use super::{Check, Commands, listed, some};
use crate::cakemail::event::EventPattern;
use crate::cakemail::webhook::{RatePeriod, Webhook, WebhookStatus, shown_url};

pub use secrets::{Known, Secrets, Unread};
pub use urls::{Life, urls};

/// A clock that is off by less is right: an API tells whole seconds, and the way there takes
/// its time.
const OFF: i64 = 5;
/// One that is off by more makes certificates and tokens fail.
const FAR_OFF: i64 = 60;

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
    /// The URLs by which this machine is reached, as far as they are known.
    pub here: &'a [String],
    /// The one of them that is the next listener's too, so that a webhook can be made for it.
    pub lasting: Option<&'a str>,
    /// Whether a listener runs.
    pub is_listening: bool,
    /// The ids of those that it has registered itself.
    pub registered: &'a [&'a str],
    /// The ids of archived ones that `cmhook listen --register` keeps, to use them again.
    pub kept: &'a [String],
    /// The events that should arrive.
    pub events: &'a [EventPattern],
    /// How cures are written.
    pub commands: &'a Commands,
}

fn is_active(webhook: &Webhook) -> bool {
    webhook.status == WebhookStatus::Active
}

impl<'a> Account<'a> {
    fn active(&self) -> impl Iterator<Item = &'a Webhook> {
        self.webhooks.iter().filter(|webhook| is_active(webhook))
    }

    /// Whether a webhook points here.
    pub fn is_ours(&self, webhook: &Webhook) -> bool {
        self.here.iter().any(|here| leads_to(&webhook.url, here))
    }

    /// Those that are sent something here.
    pub fn ours(&self) -> impl Iterator<Item = &'a Webhook> {
        self.active().filter(|webhook| self.is_ours(webhook))
    }

    /// How these events come here: a webhook is made for them, where its URL will lead here
    /// tomorrow, or the listener makes it itself.
    fn make(&self, events: &[&str]) -> String {
        let listen = self.listen(events);
        match self.create(events) {
            Some(create) => format!("{create}, or {listen}"),
            None => listen,
        }
    }

    fn create(&self, events: &[&str]) -> Option<String> {
        let create = ["create", "-u", self.lasting?, "-e", &events.join(",")];
        Some(self.commands.webhooks(&create))
    }

    /// The listener makes webhooks for all that is wanted, but for what another one sends here
    /// already.
    fn listen(&self, events: &[&str]) -> String {
        let is_others = |webhook: &Webhook| !self.registered.contains(&&*webhook.id);
        let others: Vec<_> = self.ours().filter(|webhook| is_others(webhook)).collect();
        let is_sent = |name: &str| others.iter().any(|one| same_event(&one.event, name));
        let wanted = self.events.iter();
        let names: Vec<&str> = wanted.clone().flat_map(EventPattern::api_names).collect();
        let all = if names.iter().any(|name| is_sent(name)) {
            let unsent = names.into_iter().filter(|name| !is_sent(name));
            unsent.collect::<Vec<_>>().join(",")
        } else if self.events.is_empty() {
            events.join(",")
        } else {
            wanted
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(",")
        };
        if self.is_listening {
            format!(
                "start the listener again with {}",
                self.commands.register(&all)
            )
        } else {
            format!("start {}", self.commands.listen(&all))
        }
    }

    /// How something comes here at all. Where events were asked for and do not come, the check of
    /// those says it: whoever does what two cures say would get it twice.
    fn make_any(&self) -> String {
        if !self.missing().is_empty() {
            return "the cure of Events is this one's, too".into();
        }
        let names = self.events.iter().flat_map(EventPattern::api_names);
        let mut names: Vec<&str> = names.collect();
        if names.is_empty() {
            names.push("email.opened");
        }
        self.cure_of(&names)
    }

    /// Those of the wanted events that are not sent.
    fn missing(&self) -> Vec<&'static str> {
        let mut missing = Vec::new();
        for name in self.events.iter().flat_map(EventPattern::api_names) {
            if !self.is_sent(name) && !missing.contains(&name) {
                missing.push(name);
            }
        }
        missing
    }

    /// Which there are, and whether one points here.
    pub fn webhooks(&self) -> Check {
        const ID: &str = "webhooks";
        let active = self.active().count();
        let archived = self.webhooks.len() - active;
        let mut found = format!("{active} active, {archived} archived");
        if active == 0 {
            return Check::warn(ID, format!("{found}: Cakemail sends nothing"))
                .cure(self.make_any());
        }
        let low: Vec<_> = self
            .active()
            .filter_map(|webhook| {
                Some(format!(
                    "{} gets {} at most",
                    webhook.id,
                    low_limit(webhook)?
                ))
            })
            .collect();
        if !low.is_empty() {
            found = format!("{found}; {}", some(&low));
        }
        let Some(here) = self.here.first() else {
            return Check::ok(
                ID,
                format!("{found}; which of them point here is not known without a public URL"),
            );
        };
        let ours: Vec<_> = self.ours().map(|webhook| &*webhook.event).collect();
        if ours.is_empty() {
            return Check::warn(ID, format!("{found}; none points to {here}"))
                .cure(self.make_any());
        }
        let point = match ours.len() {
            1 => "1 points".to_owned(),
            n => format!("{n} point"),
        };
        Check::ok(ID, format!("{found}; {point} to {here}: {}", some(&ours)))
    }

    /// Whether an event is sent: here, or where that is not known anywhere.
    fn is_sent(&self, name: &str) -> bool {
        self.active()
            .filter(|webhook| self.here.is_empty() || self.is_ours(webhook))
            .any(|webhook| same_event(&webhook.event, name))
    }

    /// Whether the events that were asked for are sent.
    pub fn events(&self) -> Check {
        const ID: &str = "events";
        if self.events.is_empty() {
            return Check::skip(ID, "no events were asked for; `--events email.opened` does");
        }
        let missing = self.missing();
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
                if !missing.contains(&name) && !sent.contains(&name) {
                    sent.push(name);
                }
            }
        }
        let here = self.here.first();
        let here = here.map_or_else(String::new, |here| format!(" to {here}"));
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

    /// Archived ones are brought back where their URL leads here for good, others made; what
    /// `--register` keeps is brought back by it alone. No two of the commands make the same.
    fn cure_of(&self, missing: &[&str]) -> String {
        let archived = |name: &str| {
            let lasting = self.lasting?;
            let of = |webhook: &&Webhook| {
                !is_active(webhook)
                    && same_event(&webhook.event, name)
                    && leads_to(&webhook.url, lasting)
            };
            self.webhooks.iter().find(of)
        };
        let (mut back, mut make) = (vec!["unarchive"], Vec::new());
        for name in missing {
            match archived(name) {
                Some(webhook) if self.kept.contains(&webhook.id) => return self.listen(missing),
                Some(webhook) => back.push(&*webhook.id),
                None => make.push(*name),
            }
        }
        if back.len() == 1 {
            return self.make(&make);
        }
        let back = self.commands.webhooks(&back);
        let create = (!make.is_empty()).then(|| self.create(&make)).flatten();
        match create {
            Some(create) => format!("{back}; {create}"),
            None => back,
        }
    }

    /// Whether something is sent twice; of those ids the keys are known here.
    pub fn duplicates(&self, known: &[&str]) -> Check {
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
        let surplus = twice.iter().flat_map(|(_, ids)| self.surplus(ids, known));
        let delete: Vec<_> = std::iter::once("delete").chain(surplus).collect();
        let found = format!(
            "{event} is sent to {} {} times, by {}{more}",
            shown_url(url),
            ids.len(),
            some(ids)
        );
        if delete.len() == 1 {
            return Check::warn(ID, found)
                .cure("the listener has registered them itself: start it again");
        }
        Check::warn(ID, found).cure(self.commands.webhooks(&delete))
    }

    /// Those that can go, of webhooks that are the same: not the listener's own, which it needs
    /// for as long as it runs, or else not the oldest whose key is known, or else not the oldest.
    fn surplus<'b>(&self, ids: &[&'b str], known: &[&str]) -> Vec<&'b str> {
        let mut kept: Vec<&str> = ids.to_vec();
        kept.retain(|id| self.registered.contains(id));
        if kept.is_empty() {
            let first = ids.iter().find(|id| known.contains(id));
            kept.extend(first.or(ids.first()));
        }
        let others = ids.iter().filter(|id| !kept.contains(id));
        others.copied().collect()
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
    let (rate, period) = (webhook.rate_limit?, webhook.rate_limit_period?);
    let a_second = match period {
        RatePeriod::Second => rate,
        RatePeriod::Minute => rate / 60,
        RatePeriod::Hour => rate / 3600,
        RatePeriod::Day => rate / 86_400,
    };
    (a_second < 1).then(|| format!("{rate} a {period}"))
}
