//! `cmhook webhooks update`.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;

use super::events::{self, Wanted};
use super::make::{Plan, make};
use super::patience::{Called, Doubt, look, to_its_end, unless_interrupted};
use super::shown::{Item, some};
use super::sorted::Sorted;
use super::undo::{Change, Record, Step, Words, undone};
use super::{Account, given, say, warn, written};
use crate::account::Limit;
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::cli::WebhooksUpdateArgs;
use crate::commands::Outcome;
use crate::commands::ink;
use crate::commands::setup::runtime;
use crate::commands::signals::Signals;
use crate::config::ConfigError;

/// What the flags want.
struct Asked<'a> {
    id: &'a str,
    url: Option<&'a str>,
    events: Option<Vec<Wanted>>,
    /// What is to be said of events that are not among those.
    left_out: Option<String>,
    name: Option<&'a str>,
    limit: Limit,
}

impl<'a> Asked<'a> {
    fn read(args: &'a WebhooksUpdateArgs) -> Result<Self, ConfigError> {
        let is_about_events = !args.events.is_empty();
        let asked = Self {
            id: &args.id,
            url: args.url.as_deref().map(given::url).transpose()?,
            events: is_about_events
                .then(|| events::wanted(&args.events))
                .transpose()?,
            left_out: events::left_out(&args.events),
            name: given::name(args.name.as_deref())?,
            limit: given::limit(args.limit.rate_limit, args.limit.rate_limit_period),
        };
        let is_for_each = asked.url.is_some() || asked.limit != Limit::default();
        if !is_for_each && asked.events.is_none() && asked.name.is_none() {
            return Err(ConfigError {
                message: "nothing is to be changed".into(),
                hint: "say what with `--url`, `--events`, `--name` or `--rate-limit`".into(),
            });
        }
        Ok(asked)
    }
}

pub(super) fn run(args: &WebhooksUpdateArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let asked = Asked::read(args)?;
    let mut account = Account::open(&args.account, &args.json, &args.color, config)?;
    if let Some(url) = asked.url {
        given::say_password(url);
    }
    let items = runtime()?.block_on(update(&asked, &mut account))?;
    let done = ["created", "unarchived", "updated", "renamed", "archived"].map(|change| {
        let those = items.iter().filter(|item| item.change == Some(change));
        (change, those.map(|item| &item.webhook).collect())
    });
    written(tell(&account, &items), &done)?;
    Ok(Outcome::Fine)
}

fn tell(account: &Account, items: &[Item]) -> anyhow::Result<()> {
    if account.out.is_for_people() {
        let mark = account.out.ink.paint(ink::GREEN, "✓");
        let what = match items.len() {
            1 => "Webhook",
            _ => "Webhooks",
        };
        writeln!(io::stdout(), "{mark} {what} updated successfully\n")?;
    }
    account.out.all(items)
}

async fn update(asked: &Asked<'_>, account: &mut Account) -> anyhow::Result<Vec<Item>> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let all = unless_interrupted(&mut signals, account.all(true)).await?;
    let together = together(account, asked.id);
    given::is_free(asked.name, account, &mut signals, &together, &all).await?;
    let is_named = account.groups.named(asked.id).is_some();
    let meant = if asked.events.is_some() || is_named {
        together.clone()
    } else {
        vec![asked.id.to_owned()]
    };
    let members = members(account, &mut signals, asked.id, &meant, &all).await?;
    let sorted = Sorted::of(&members, asked.events.as_deref());
    if let Some(text) = &asked.left_out {
        warn(text);
    }
    let mut record = Record::default();
    let doing = apply(account, &mut signals, asked, &sorted, &all, &mut record);
    if let Err(error) = doing.await {
        let words = Words {
            all: "nothing is changed, all is as it was before",
            but: "what was done is undone",
        };
        return Err(undone(account, &mut signals, &record, error, words).await);
    }
    let steps = record.steps;
    let mut ids = together;
    for step in &steps {
        let id = &step.webhook().id;
        if !ids.contains(id) {
            ids.push(id.clone());
        }
    }
    let old = account.groups.of(&members[0].id);
    let old = old.and_then(|group| group.name.clone());
    let is_renamed = asked.name.is_some_and(|name| old.as_deref() != Some(name));
    let gone = |id: &String| {
        all.iter().all(|known| known.id != *id)
            && members.iter().all(|known| known.id != *id)
            && steps.iter().all(|step| step.webhook().id != *id)
    };
    // What is dropped belongs to them no more: else `unarchive NAME` would bring it back.
    let away = || sorted.dropped.iter().chain(&sorted.left);
    let is_dropped = |id: &String| away().any(|known| known.id == *id);
    ids.retain(|id| !gone(id) && !is_dropped(id));
    if is_renamed || asked.events.is_some() {
        account.put(asked.name.or(old.as_deref()), &ids);
    }
    say_others(asked, account, &meant, &all);
    let left: Vec<_> = sorted
        .left
        .iter()
        .map(|webhook| webhook.id.clone())
        .collect();
    let mut members = members;
    members.retain(|webhook| !left.contains(&webhook.id));
    Ok(items(account, &members, &steps, asked, is_renamed))
}

/// Those that were made together with it.
fn together(account: &Account, word: &str) -> Vec<String> {
    let group = account
        .groups
        .named(word)
        .or_else(|| account.groups.of(word));
    group.map_or_else(|| vec![word.to_owned()], |group| group.ids.clone())
}

/// Those of these that are there.
async fn members(
    account: &Account,
    signals: &mut Signals,
    word: &str,
    ids: &[String],
    all: &[Webhook],
) -> anyhow::Result<Vec<Webhook>> {
    let mut members = Vec::new();
    for id in ids {
        match all.iter().find(|webhook| webhook.id == *id) {
            Some(webhook) => members.push(webhook.clone()),
            // It says why not.
            None if id == word || ids.len() == 1 => {
                let got = unless_interrupted(signals, account.api.get(id)).await?;
                members.push(got.webhook);
            }
            None => warn(&format!("the webhook {id} is not there any more")),
        }
    }
    if members.is_empty() {
        let last = ids.last().map_or(word, |id| id);
        let got = unless_interrupted(signals, account.api.get(last)).await?;
        members.push(got.webhook);
    }
    Ok(members)
}

/// Does it: what is missing first, so that nothing is missed meanwhile, and what is dropped
/// last.
async fn apply(
    account: &Account,
    signals: &mut Signals,
    asked: &Asked<'_>,
    sorted: &Sorted<'_>,
    all: &[Webhook],
    record: &mut Record,
) -> anyhow::Result<()> {
    let Sorted { model, .. } = sorted;
    let plan = Plan {
        url: asked.url.unwrap_or(&model.url),
        limit: Limit {
            rate: asked.limit.rate.or(model.rate_limit),
            period: asked.limit.period.or(model.rate_limit_period),
        },
        before: all,
        others: sorted.kept.len() + sorted.back.len(),
    };
    make(account, signals, &sorted.missing, plan, record).await?;
    let api = &account.api;
    for webhook in &sorted.back {
        let step = Step::Unarchived((*webhook).clone());
        let called = to_its_end(signals, api.unarchive(&webhook.id)).await;
        settle(account, signals, called, step, record).await?;
    }
    let change = Change {
        url: asked.url.is_some(),
        rate: asked.limit.rate.is_some(),
        period: asked.limit.period.is_some(),
    };
    for webhook in sorted.kept.iter().chain(&sorted.back) {
        if !differs(webhook, asked) {
            continue;
        }
        let step = Step::Changed((*webhook).clone(), change);
        let called = to_its_end(signals, api.patch(&webhook.id, asked.url, asked.limit)).await;
        settle(account, signals, called, step, record).await?;
    }
    for webhook in &sorted.dropped {
        let step = Step::Archived((*webhook).clone());
        let called = to_its_end(signals, api.archive(&webhook.id)).await;
        settle(account, signals, called, step, record).await?;
    }
    Ok(())
}

/// Puts a step among those that are done, or may be: undoing it does no harm. What may come
/// later is awaited, since it would come after the undoing.
async fn settle(
    account: &Account,
    signals: &mut Signals,
    called: Called<Webhook>,
    step: Step,
    record: &mut Record,
) -> anyhow::Result<()> {
    let doubt = called.doubt();
    if matches!(&called.answer, Some(Err(_))) && doubt == Doubt::None {
        return called.result().map(|_| ());
    }
    if matches!(doubt, Doubt::Doing | Doubt::NotAwaited) {
        let id = &*step.webhook().id;
        let is_certain = look(signals, doubt, || async {
            let now = account.api.get(id).await.ok()?.webhook;
            Some(step.is_done(&now))
        });
        if !is_certain.await {
            record.unsure.push(format!(
                "{id} may be changed all the same, `{}` tells",
                account.command(&["webhooks", "get", id])
            ));
        }
    }
    record.steps.push(step);
    called.result().map(|_| ())
}

/// Whether the flags want something of it that it does not have.
fn differs(webhook: &Webhook, asked: &Asked<'_>) -> bool {
    let Limit { rate, period } = asked.limit;
    asked.url.is_some_and(|url| webhook.url != url)
        || (rate.is_some() && webhook.rate_limit != rate)
        || (period.is_some() && webhook.rate_limit_period != period)
}

/// Somebody who changes one of several may take it for all of them, as the manual's are one.
fn say_others(asked: &Asked<'_>, account: &Account, meant: &[String], all: &[Webhook]) {
    let is_for_each = asked.url.is_some() || asked.limit != Limit::default();
    let others = together(account, asked.id);
    let is_other =
        |webhook: &&Webhook| others.contains(&webhook.id) && !meant.contains(&webhook.id);
    let others: Vec<_> = all.iter().filter(is_other).collect();
    if is_for_each && !others.is_empty() {
        say(&format!(
            "Others that were made together with {} are as they were: {}",
            asked.id,
            some(&others)
        ));
    }
}

/// What has become of each.
fn items(
    account: &Account,
    members: &[Webhook],
    steps: &[Step],
    asked: &Asked<'_>,
    is_renamed: bool,
) -> Vec<Item> {
    let mut all: Vec<Item> = members
        .iter()
        .map(|webhook| {
            let mut item = account.item(webhook.clone());
            item.change = Some(if is_renamed { "renamed" } else { "unchanged" });
            item
        })
        .collect();
    for step in steps {
        let id = &step.webhook().id;
        let change = match step {
            Step::Created(webhook) => {
                let mut item = account.item(webhook.clone());
                item.change = Some("created");
                all.push(item);
                continue;
            }
            Step::Unarchived(_) => "unarchived",
            Step::Changed(..) => "updated",
            Step::Archived(_) => "archived",
        };
        let Some(item) = all.iter_mut().find(|item| item.webhook.id == *id) else {
            continue;
        };
        let webhook = &mut item.webhook;
        match step {
            Step::Unarchived(_) => {
                webhook.status = WebhookStatus::Active;
                webhook.archived_at = None;
            }
            Step::Archived(_) => webhook.status = WebhookStatus::Archived,
            _ => {
                if let Some(url) = asked.url {
                    url.clone_into(&mut webhook.url);
                }
                webhook.rate_limit = asked.limit.rate.or(webhook.rate_limit);
                webhook.rate_limit_period = asked.limit.period.or(webhook.rate_limit_period);
            }
        }
        // One that is brought back and changed was brought back, above all.
        if item.change != Some("unarchived") {
            item.change = Some(change);
        }
    }
    all
}
