//! `cmhook webhooks get`.

use std::path::Path;

use secrecy::ExposeSecret as _;

use super::Account;
use crate::cli::WebhooksGetArgs;
use crate::commands::Outcome;
use crate::commands::setup::runtime;

pub(super) fn run(args: &WebhooksGetArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let account = Account::open(&args.account, &args.json, &args.color, config)?;
    let id = account.one(&args.id)?;
    let keyed = runtime()?.block_on(account.api.get(&id))?;
    let mut item = account.item(keyed.webhook);
    let key = match &keyed.key {
        None => "the API shows none",
        Some(_) if !args.show_secrets => "hidden, --show-secrets shows it",
        Some(key) => {
            item.key = Some(key.clone());
            key.expose_secret()
        }
    };
    account.out.one(&item, key)?;
    Ok(Outcome::Fine)
}
