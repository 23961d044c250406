//! `cmhook webhooks get`.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::{Account, keys};
use crate::cli::WebhooksGetArgs;
use crate::commands::Outcome;
use crate::commands::setup::runtime;

pub(super) fn run(args: &WebhooksGetArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let account = Account::open_to_look(&args.account, &args.json, &args.color, config)?;
    let ids = account.meant(&args.id);
    let all = runtime()?.block_on(keys::fetch(&account, &ids))?;
    let items = all.into_iter().map(|keyed| {
        let mut item = account.item(keyed.webhook);
        let said = match keyed.key {
            None => "the API shows none".to_owned(),
            Some(_) if !args.show_secrets => "hidden, --show-secrets shows it".to_owned(),
            Some(key) => {
                let said = key.expose_secret().to_owned();
                item.key = Some(key);
                said
            }
        };
        (item, said)
    });
    let items: Vec<_> = items.collect();
    match &items[..] {
        [(item, key)] if ids.len() == 1 => account.out.one(item, key)?,
        items => account.out.each(items)?,
    }
    Ok(Outcome::Fine)
}
