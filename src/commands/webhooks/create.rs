//! `cmhook webhooks create`.

use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use secrecy::ExposeSecret as _;

use super::events::{self, is_same};
use super::make::{Plan, make};
use super::shown::{Item, some};
use super::undo::{Step, undone};
use super::{Account, given, say, warn};
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
        let before = account.all(false).await?;
        given::is_free(name, &account, &[], &before)?;
        if let Some(text) = events::left_out(&args.events) {
            warn(&text);
        }
        let plan = Plan {
            url,
            limit,
            before: &before,
            others: 0,
        };
        let mut steps = Vec::new();
        let making = make(&account, &mut signals, &wanted, plan, &mut steps).await;
        if let Err(error) = making {
            let made: Vec<_> = steps.iter().map(Step::webhook).collect();
            let is = if made.len() == 1 { "is" } else { "are" };
            let all = format!("nothing is left of it, {} {is} archived again", some(&made));
            return Err(undone(&account, &mut signals, &steps, error, &all).await);
        }
        let made: Vec<&Webhook> = steps.iter().map(Step::webhook).collect();
        say_doubles(&made, &before);
        let ids: Vec<String> = made.iter().map(|webhook| webhook.id.clone()).collect();
        account.put(name, &ids);
        let mut items = Vec::new();
        for webhook in made {
            items.push(with_key(&account, webhook, name, args.show_secrets).await);
        }
        anyhow::Ok(items)
    })?;
    if account.out.is_for_people() {
        tell(&account, &items)?;
        if !args.show_secrets {
            say(&format!(
                "\n`cmhook webhooks get ID --show-secrets{}` shows the key that deliveries are signed with.",
                account.flags
            ));
        }
    } else {
        account.out.all(&items)?;
    }
    Ok(Outcome::Fine)
}

async fn with_key(account: &Account, webhook: &Webhook, name: Option<&str>, key: bool) -> Item {
    let mut item = Item::new(webhook.clone());
    item.name = name.map(str::to_owned);
    if key {
        match account.api.get(&webhook.id).await {
            Ok(keyed) => item.key = keyed.key,
            Err(error) => warn(&format!("its key is not shown: {error}")),
        }
    }
    item
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
