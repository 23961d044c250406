//! `cmhook webhooks archive`, `unarchive` and `delete`.

use std::io::{self, Write as _};
use std::path::Path;

use super::shown::some;
use super::{Account, say, warn, written};
use crate::account::{AccountError, Trouble};
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::cli::{WebhooksDeleteArgs, WebhooksIdsArgs};
use crate::commands::Outcome;
use crate::commands::ask::confirmed_by;
use crate::commands::ink;
use crate::commands::setup::{Running, runtime};
use crate::config::shell_words;

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
    run(args, Doing::Archive, config)
}

pub(super) fn unarchive(args: &WebhooksIdsArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    run(args, Doing::Unarchive, config)
}

fn run(args: &WebhooksIdsArgs, doing: Doing, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let account = Account::open_to_look(&args.account, &args.json, &args.color, config)?;
    let ids = meant(&account, &args.ids);
    do_it(&account, &runtime()?, &ids, &[], doing)?;
    Ok(Outcome::Fine)
}

/// Archives, and says so: the API has nothing that is nearer. Those that are archived already
/// need nothing.
pub(super) fn delete(args: &WebhooksDeleteArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let of = &args.of;
    let mut account = Account::open_to_look(&of.account, &of.json, &of.color, config)?;
    let runtime = runtime()?;
    let known = runtime.block_on(account.all(true))?;
    let find = |id: &String| known.iter().find(|webhook| webhook.id == *id);
    let is_over =
        |id: &String| find(id).is_some_and(|known| known.status == WebhookStatus::Archived);
    let (over, ids): (Vec<String>, Vec<String>) =
        meant(&account, &of.ids).into_iter().partition(is_over);
    let over: Vec<Webhook> = over.iter().filter_map(find).cloned().collect();
    if ids.is_empty() {
        tell(&account, &[], &over, Doing::Archive)?;
        return Ok(Outcome::Fine);
    }
    let there: Vec<&Webhook> = ids.iter().filter_map(find).collect();
    let api = account.api.shown();
    let question = match (&ids[..], &there[..]) {
        ([id], []) => format!("Delete the webhook {id} at {api}?"),
        ([_], there) => format!("Delete the webhook {} at {api}?", some(there)),
        (ids, there) => format!("Delete {} webhooks at {api}: {}?", ids.len(), some(there)),
    };
    if !confirmed_by("--force", args.force, &ink::shown(&question))? {
        return Ok(Outcome::No);
    }
    account.api = account.api.afresh();
    do_it(&account, &runtime, &ids, &over, Doing::Archive)?;
    let (they_are, them) = match ids.len() {
        1 => ("it is", "it"),
        _ => ("they are", "them"),
    };
    say(&format!(
        "Cakemail's API cannot delete, so {they_are} archived and sent nothing any more; `cmhook webhooks unarchive {}{}` brings {them} back.",
        back(&account, &of.ids, &ids),
        account.flags
    ));
    Ok(Outcome::Fine)
}

/// The webhooks that these words mean, each once.
fn meant(account: &Account, words: &[String]) -> Vec<String> {
    let mut ids: Vec<String> = Vec::new();
    for id in words.iter().flat_map(|word| account.meant(word)) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The words that bring these back: a name where all that have it were archived now, and not
/// some of them before.
fn back(account: &Account, words: &[String], ids: &[String]) -> String {
    const MOST: usize = 5;
    let mut all: Vec<String> = Vec::new();
    for word in words {
        let those = account.meant(word);
        let more = if those.len() > 1 && those.iter().all(|id| ids.contains(id)) {
            vec![shell_words(&[word])]
        } else {
            let those = those.iter().filter(|id| ids.contains(id));
            those.map(|id| shell_words(&[id])).collect()
        };
        for word in more {
            if !all.contains(&word) {
                all.push(word);
            }
        }
    }
    if all.len() > MOST {
        all.truncate(MOST);
        all.push("…".into());
    }
    all.join(" ")
}

/// Does it to each, and writes them, with those that needed nothing.
fn do_it(
    account: &Account,
    runtime: &Running,
    ids: &[String],
    over: &[Webhook],
    doing: Doing,
) -> anyhow::Result<()> {
    let (done, mut errors) = runtime.block_on(each(account, ids, doing));
    // Nothing at all is no empty list: it is an error.
    if !done.is_empty() || errors.is_empty() {
        let told = tell(account, &done, over, doing);
        written(told, &[(doing.done(), done.iter().collect())])?;
    }
    let Some(last) = errors.pop() else {
        return Ok(());
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

fn tell(account: &Account, done: &[Webhook], over: &[Webhook], doing: Doing) -> anyhow::Result<()> {
    if !account.out.is_for_people() {
        for webhook in over {
            say(&format!("{} is archived already.", webhook.id));
        }
        let items = done
            .iter()
            .chain(over)
            .map(|webhook| account.item(webhook.clone()));
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
    for webhook in over {
        let text = format!("{} ({}) is archived already", webhook.id, webhook.event);
        writeln!(out, "  {}", ink::shown(&text))?;
    }
    Ok(())
}
