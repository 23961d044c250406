//! `cmhook webhooks create`.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use super::events::{self, is_same};
use super::make::{Plan, make};
use super::patience::{interrupted, or_signal, unless_interrupted};
use super::shown::{Item, some};
use super::undo::{Record, Step, Words, undone};
use super::{Account, given, say, warn, written};
use crate::cakemail::webhook::{Webhook, WebhookStatus, shown_url};
use crate::cli::WebhooksCreateArgs;
use crate::commands::Outcome;
use crate::commands::ink;
use crate::commands::setup::runtime;
use crate::commands::signals::Signals;

pub(super) fn run(args: &WebhooksCreateArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let wanted = events::wanted(&args.events)?;
    let url = given::url(&args.url)?;
    let name = given::name(args.name.as_deref())?;
    let limit = given::limit(args.limit.rate_limit, args.limit.rate_limit_period);
    let mut account = Account::open(&args.account, &args.json, &args.color, config)?;
    given::say_password(url);
    let items = runtime()?.block_on(async {
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let before = unless_interrupted(&mut signals, account.all(false)).await?;
        given::is_free(name, &account, &mut signals, &[], &before).await?;
        if let Some(text) = events::left_out(&args.events) {
            warn(&text);
        }
        let plan = Plan {
            url,
            limit,
            before: &before,
            others: 0,
        };
        let mut record = Record::default();
        let making = make(&account, &mut signals, &wanted, plan, &mut record).await;
        let made: Vec<&Webhook> = record.steps.iter().map(Step::webhook).collect();
        if let Err(error) = making {
            let is = if made.len() == 1 { "is" } else { "are" };
            let but = format!("{} {is} archived again", some(&made));
            let words = Words {
                all: &format!("nothing is left of it, {but}"),
                but: &but,
            };
            return Err(undone(&account, &mut signals, &record, error, words).await);
        }
        say_doubles(&made, &before);
        let ids: Vec<String> = made.iter().map(|webhook| webhook.id.clone()).collect();
        account.put(name, &ids);
        let mut items: Vec<Item> = made.into_iter().map(|made| item(made, name)).collect();
        if args.show_secrets {
            fetch_keys(&account, &mut signals, &mut items).await;
        }
        anyhow::Ok(items)
    })?;
    let told = if account.out.is_for_people() {
        tell(&account, &items).map_err(anyhow::Error::from)
    } else {
        account.out.all(&items)
    };
    let made = items.iter().map(|item| &item.webhook);
    written(told, &[("created", made.collect())])?;
    if account.out.is_for_people() && !args.show_secrets {
        say(&show_keys(&account, &items, name));
    }
    Ok(Outcome::Fine)
}

/// How the keys are shown later: of one webhook, or of all that have a name.
fn show_keys(account: &Account, items: &[Item], name: Option<&str>) -> String {
    let word = match (items, name) {
        ([one], _) => Some(&*one.webhook.id),
        (_, name) => name,
    };
    let command = account.command(&match word {
        Some(word) => vec!["webhooks", "get", word, "--show-secrets"],
        None => vec!["webhooks", "list", "--show-secrets"],
    });
    if items.len() == 1 {
        format!("\n`{command}` shows the key that deliveries are signed with.")
    } else {
        format!("\n`{command}` shows the keys that deliveries are signed with, one for each event.")
    }
}

fn item(webhook: &Webhook, name: Option<&str>) -> Item {
    Item {
        name: name.map(str::to_owned),
        ..Item::new(webhook.clone())
    }
}

/// They are made, with their keys shown or not.
async fn fetch_keys(account: &Account, signals: &mut Signals, items: &mut [Item]) {
    for item in items {
        match or_signal(signals, account.api.get(&item.webhook.id)).await {
            Some(Ok(keyed)) => item.key = keyed.key,
            Some(Err(error)) => warn(&format!("its key is not shown: {error}")),
            None => {
                let why = interrupted().message;
                return warn(&format!("its key is not shown: {why}"));
            }
        }
    }
}

/// Each of two webhooks for the same is sent everything, so that it arrives twice.
fn say_doubles(made: &[&Webhook], before: &[Webhook]) {
    for webhook in made {
        let is_double = |other: &&Webhook| {
            other.status == WebhookStatus::Active
                && other.url == webhook.url
                && is_same(&webhook.event, &other.event)
        };
        for other in before.iter().filter(is_double) {
            warn(&format!(
                "{} is sent {} already, by the webhook {}: it arrives there twice now",
                shown_url(&webhook.url),
                webhook.event,
                other.id
            ));
        }
    }
}

/// Tells it as the manual does.
fn tell(account: &Account, items: &[Item]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let ink = &account.out.ink;
    let mark = ink.paint(ink::GREEN, "✓");
    let Some(first) = items.first() else {
        return Ok(());
    };
    let webhook = &first.webhook;
    match items.len() {
        1 => {
            writeln!(out, "{mark} Webhook created successfully\n")?;
            writeln!(out, "ID: {}", ink::shown(&webhook.id))?;
        }
        count => writeln!(out, "{mark} {count} webhooks created successfully\n")?,
    }
    if let Some(name) = &first.name {
        writeln!(out, "Name: {}", ink::shown(name))?;
    }
    writeln!(out, "URL: {}", ink::shown(&shown_url(&webhook.url)))?;
    if items.len() == 1 {
        writeln!(out, "Events: {}", ink::shown(&webhook.event))?;
    }
    writeln!(out, "Status: {}", account.out.status(webhook))?;
    let key = |item: &Item| {
        let key = item.key.as_ref().map(|key| key.expose_secret().to_owned());
        key.map(|key| ink::shown(&key).into_owned())
    };
    if items.len() == 1 {
        if let Some(key) = key(first) {
            writeln!(out, "Key: {key}")?;
        }
        return Ok(());
    }
    writeln!(out, "Events:")?;
    let width = items.iter().map(|item| item.webhook.event.len()).max();
    let width = width.unwrap_or(0);
    for item in items {
        let Webhook { id, event, .. } = &item.webhook;
        let line = match key(item) {
            Some(key) => format!("  {}  {event:width$}  {key}", ink::shown(id)),
            None => format!("  {}  {}", ink::shown(id), ink::shown(event)),
        };
        writeln!(out, "{line}")?;
    }
    Ok(())
}
