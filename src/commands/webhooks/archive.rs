//! `cmhook webhooks archive`, `unarchive` and `delete`.

use std::io::{self, Write as _};
use std::path::Path;

use super::{Account, say, warn};
use crate::account::{AccountError, Trouble};
use crate::cakemail::webhook::Webhook;
use crate::cli::{WebhooksDeleteArgs, WebhooksIdsArgs};
use crate::commands::Outcome;
use crate::commands::ask::confirmed_by;
use crate::commands::ink;
use crate::commands::setup::runtime;

/// What is done to each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Doing {
    Archive,
    Unarchive,
}

impl Doing {
    const fn done(self) -> &'static str {
        match self {
            Self::Archive => "archived",
            Self::Unarchive => "unarchived",
        }
    }
}

pub(super) fn archive(args: &WebhooksIdsArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    run(args, Doing::Archive, config, |_, _| Ok(true)).map(|done| outcome(done.as_ref()))
}

pub(super) fn unarchive(args: &WebhooksIdsArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    run(args, Doing::Unarchive, config, |_, _| Ok(true)).map(|done| outcome(done.as_ref()))
}

pub(super) fn delete(args: &WebhooksDeleteArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let ask = |account: &Account, ids: &[String]| {
        let what = match ids {
            [id] => format!("the webhook {id}"),
            ids => format!("{} webhooks ({})", ids.len(), ids.join(", ")),
        };
        let what = ink::shown(&what);
        let api = account.api.shown();
        confirmed_by("--force", args.force, &format!("Delete {what} at {api}?"))
    };
    let done = run(&args.of, Doing::Archive, config, ask)?;
    if let Some((account, ids)) = &done {
        let (they_are, them) = match ids.len() {
            1 => ("it is", "it"),
            _ => ("they are", "them"),
        };
        say(&format!(
            "Cakemail's API cannot delete, so {they_are} archived and sent nothing any more; `cmhook webhooks unarchive {}{}` brings {them} back.",
            ids.join(" "),
            account.flags
        ));
    }
    Ok(outcome(done.as_ref()))
}

fn outcome(done: Option<&(Account, Vec<String>)>) -> Outcome {
    match done {
        Some(_) => Outcome::Fine,
        None => Outcome::No,
    }
}

/// Does it to each of those that are meant, and writes them; nothing where the user says no.
fn run(
    args: &WebhooksIdsArgs,
    doing: Doing,
    config: Option<&Path>,
    is_wanted: impl FnOnce(&Account, &[String]) -> anyhow::Result<bool>,
) -> anyhow::Result<Option<(Account, Vec<String>)>> {
    let account = Account::open(&args.account, &args.json, &args.color, config)?;
    let mut ids: Vec<String> = Vec::new();
    for id in args.ids.iter().flat_map(|word| account.meant(word)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    if !is_wanted(&account, &ids)? {
        return Ok(None);
    }
    let (done, mut errors) = runtime()?.block_on(each(&account, &ids, doing));
    // Nothing at all is no empty list: it is an error.
    if !done.is_empty() || errors.is_empty() {
        tell(&account, &done, doing)?;
    }
    let Some(last) = errors.pop() else {
        return Ok(Some((account, ids)));
    };
    for error in errors {
        warn(&error.to_string());
    }
    let error = anyhow::Error::from(last);
    Err(if ids.len() == 1 {
        error
    } else {
        let (count, all) = (done.len(), ids.len());
        error.context(format!("{count} of {all} webhooks were {}", doing.done()))
    })
}

/// Where one is refused for what it is, the others get their turn.
async fn each(
    account: &Account,
    ids: &[String],
    doing: Doing,
) -> (Vec<Webhook>, Vec<AccountError>) {
    let (mut done, mut errors) = (Vec::new(), Vec::new());
    for id in ids {
        let changed = match doing {
            Doing::Archive => account.api.archive(id).await,
            Doing::Unarchive => account.api.unarchive(id).await,
        };
        match changed {
            Ok(webhook) => done.push(webhook),
            Err(error) => {
                let is_its_own = matches!(
                    error.trouble,
                    Trouble::NoWebhook { .. } | Trouble::Invalid { .. }
                );
                errors.push(error);
                if !is_its_own {
                    break;
                }
            }
        }
    }
    (done, errors)
}

fn tell(account: &Account, done: &[Webhook], doing: Doing) -> anyhow::Result<()> {
    if !account.out.is_for_people() {
        let items = done.iter().map(|webhook| account.item(webhook.clone()));
        let items: Vec<_> = items.collect();
        return account.out.all(&items);
    }
    let mut out = io::stdout().lock();
    let mark = account.out.ink.paint(ink::GREEN, "✓");
    let what = match doing {
        Doing::Archive => "Archived",
        Doing::Unarchive => "Unarchived",
    };
    for webhook in done {
        let text = format!("{what} {} ({})", webhook.id, webhook.event);
        writeln!(out, "{mark} {}", ink::shown(&text))?;
    }
    Ok(())
}
