//! `cmhook webhooks list`.

use std::num::NonZeroU32;
use std::path::Path;

use super::{Account, keys, say, warn};
use crate::account::ListQuery;
use crate::cli::WebhooksListArgs;
use crate::commands::Outcome;
use crate::commands::setup::runtime;

pub(super) fn run(args: &WebhooksListArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let account = Account::open_to_look(&args.account, &args.json, &args.color, config)?;
    let is_page = args.page.is_some() || args.per_page.is_some();
    let runtime = runtime()?;
    let page = runtime.block_on(async {
        if !is_page {
            return anyhow::Ok(account.api.all(args.with_archived).await?);
        }
        let query = ListQuery {
            archived: args.with_archived,
            page: args.page.map(NonZeroU32::get),
            per_page: args.per_page.map(NonZeroU32::get),
        };
        Ok(account.api.list(query).await?)
    })?;
    if let Some(text) = page.left_out() {
        warn(&text);
    }
    let listed = (page.webhooks.len() + page.unread.len()) as u64;
    let some_more = page.count.filter(|count| *count > listed);
    let items = page
        .webhooks
        .into_iter()
        .map(|webhook| account.item(webhook));
    let mut items: Vec<_> = items.collect();
    if args.show_secrets {
        let ids: Vec<_> = items.iter().map(|item| item.webhook.id.clone()).collect();
        for keyed in runtime.block_on(keys::fetch(&account, &ids))? {
            let item = items
                .iter_mut()
                .find(|item| item.webhook.id == keyed.webhook.id);
            if let Some(item) = item {
                item.key = keyed.key;
            }
        }
    }
    if account.out.json().is_some() || !items.is_empty() {
        account.out.all(&items)?;
    }
    if let Some(count) = some_more {
        say(&format!("These are {} of {count}.", items.len()));
    } else if items.is_empty() {
        let create = account.command(&["webhooks", "create", "-u", "URL", "-e", "EVENTS"]);
        say(&if args.with_archived {
            format!("There are no webhooks yet: `{create}` makes one.")
        } else {
            let list = account.command(&["webhooks", "list", "--with-archived"]);
            format!(
                "There are no active webhooks: `{create}` makes one, `{list}` lists archived ones too."
            )
        });
    }
    Ok(if items.is_empty() {
        Outcome::No
    } else {
        Outcome::Fine
    })
}
