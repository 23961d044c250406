//! `cmhook webhooks`.

use std::num::NonZeroU32;

use clap::{Args, Subcommand, ValueEnum};

use super::shared::{ColorArgs, JsonArgs, StoreArgs};

/// `cmhook webhooks`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook webhooks create -u https://shop.example.com/cakemail -e email.opened,email.clicked -n Shop
  cmhook webhooks list                          those that are active
  cmhook webhooks get Shop --show-secrets       with the keys that deliveries are signed with
  cmhook webhooks update Shop -e email.opened   from now on for that event only
  cmhook webhooks test Shop                     a signed sample to the URL
  cmhook webhooks archive Shop                  sent nothing any more

It works at Cakemail's API, once you are logged in (`cmhook login`), or at a `cmhook sandbox`.")]
pub struct WebhooksArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: WebhooksCommand,
}

/// The commands on webhooks.
#[derive(Debug, Subcommand)]
pub enum WebhooksCommand {
    /// List the account's webhooks
    #[command(visible_alias = "ls")]
    List(WebhooksListArgs),
    /// Show a webhook, or those of one name
    Get(WebhooksGetArgs),
    /// Create a webhook for each of the events
    Create(WebhooksCreateArgs),
    /// Change a webhook's URL, limit or name, or the events of those made with it
    Update(WebhooksUpdateArgs),
    /// Archive webhooks: they are sent nothing any more
    Archive(WebhooksIdsArgs),
    /// Bring archived webhooks back
    Unarchive(WebhooksIdsArgs),
    /// Send a webhook's URL a sample of its event, signed with its key
    Test(WebhooksTestArgs),
    /// Archive webhooks, which is as near as Cakemail's API comes to deleting them
    #[command(visible_alias = "rm")]
    Delete(WebhooksDeleteArgs),
}

/// Which account, and where.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub struct AccountArgs {
    /// Cakemail's API, or a sandbox: a URL [default: https://api.cakemail.dev]
    #[arg(
        long,
        value_name = "URL",
        env = "CAKEMAIL_API_BASE",
        hide_env_values = true
    )]
    pub api: Option<String>,

    /// The account, for those who have several
    #[arg(
        long,
        value_name = "N",
        env = "CAKEMAIL_CURRENT_ACCOUNT_ID",
        hide_env_values = true
    )]
    pub account: Option<u64>,
}

/// The period of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PeriodArg {
    /// A second
    Second,
    /// A minute
    Minute,
    /// An hour, which the reference does not have and the official SDK's types do
    Hour,
    /// A day, as an hour
    Day,
}

/// A webhook's limit.
#[derive(Debug, Args)]
pub struct LimitArgs {
    /// The most deliveries in a period [default: 50]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub rate_limit: Option<NonZeroU32>,

    /// The period [default: second]
    #[arg(long, value_name = "PERIOD")]
    pub rate_limit_period: Option<PeriodArg>,
}

/// What becomes of a webhook's limit.
#[derive(Debug, Args)]
pub struct NewLimitArgs {
    /// The most deliveries in a period from now on
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub rate_limit: Option<NonZeroU32>,

    /// The period from now on
    #[arg(long, value_name = "PERIOD")]
    pub rate_limit_period: Option<PeriodArg>,
}

fn at_least_one(text: &str) -> Result<NonZeroU32, String> {
    let number: u32 = text.parse().map_err(|_| "it is a number, at least 1")?;
    NonZeroU32::new(number).ok_or_else(|| "it is at least 1".into())
}

/// In a script an empty one is a variable that is not set, and would lead to all of them.
fn id_or_name(text: &str) -> Result<String, String> {
    if text.trim().is_empty() {
        return Err("it is empty: is it a variable that is not set?".into());
    }
    Ok(text.to_owned())
}

/// `cmhook webhooks list`.
#[derive(Debug, Args)]
#[command(after_help = "\
Exit codes: 0 when there are some, 1 when there are none or it could not be done, 2 for a mistake
in flags.")]
pub struct WebhooksListArgs {
    /// Archived ones too
    #[arg(long)]
    pub with_archived: bool,

    /// This page only, from 1 on [default: all]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub page: Option<NonZeroU32>,

    /// How many on a page
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    pub per_page: Option<NonZeroU32>,

    /// Show their keys too, which deliveries are signed with
    #[arg(long)]
    pub show_secrets: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook webhooks get`.
#[derive(Debug, Args)]
pub struct WebhooksGetArgs {
    /// The webhook, or the name of those made together
    #[arg(value_name = "ID", value_parser = id_or_name)]
    pub id: String,

    /// Show the key too, which deliveries are signed with
    #[arg(long)]
    pub show_secrets: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook webhooks create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook webhooks create -u https://shop.example.com/cakemail -e email.opened,email.clicked
  cmhook webhooks create -u https://shop.example.com/cakemail -e 'email.*' -n Production

Cakemail's API has one event for a webhook, so several events make several webhooks: all of
them, or where one fails none. The name and which were made together are kept on this machine.")]
pub struct WebhooksCreateArgs {
    /// Where deliveries are sent: a public https URL
    #[arg(short, long, value_name = "URL")]
    pub url: String,

    /// The events, such as `email.opened,email.clicked` or `email.*`
    #[arg(
        short,
        long,
        value_name = "EVENTS",
        value_delimiter = ',',
        required = true
    )]
    pub events: Vec<String>,

    /// What to call them
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub limit: LimitArgs,

    /// Show their keys too, which deliveries are signed with
    #[arg(long)]
    pub show_secrets: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook webhooks update`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook webhooks update X1qRXqz1upM9 -u https://shop.example.com/new
  cmhook webhooks update X1qRXqz1upM9 -e email.sent,email.opened,email.bounced

With -e those events are what the webhook, and those made together with it, are for from then
on: what is missing is created, what is not named any more is archived.")]
pub struct WebhooksUpdateArgs {
    /// The webhook, or the name of those made together
    #[arg(value_name = "ID", value_parser = id_or_name)]
    pub id: String,

    /// Where deliveries are sent from now on
    #[arg(short, long, value_name = "URL")]
    pub url: Option<String>,

    /// The events from now on
    #[arg(short, long, value_name = "EVENTS", value_delimiter = ',')]
    pub events: Vec<String>,

    /// What to call them from now on
    #[arg(short, long, value_name = "NAME")]
    pub name: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub limit: NewLimitArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook webhooks archive` and `unarchive`.
#[derive(Debug, Args)]
pub struct WebhooksIdsArgs {
    /// The webhooks, or the name of those made together
    #[arg(value_name = "ID", required = true, value_parser = id_or_name)]
    pub ids: Vec<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook webhooks delete`.
#[derive(Debug, Args)]
#[command(after_help = "\
Cakemail's API has no way to delete a webhook. An archived one is sent nothing any more, and
`cmhook webhooks unarchive` brings it back. Without a terminal to ask on, --force is needed.")]
pub struct WebhooksDeleteArgs {
    /// Without asking first
    #[arg(short, long, visible_alias = "yes")]
    pub force: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub of: WebhooksIdsArgs,
}

/// `cmhook webhooks test`.
#[derive(Debug, Args)]
#[command(after_help = "\
It fetches the webhook's key, signs a sample of its event with it, sends that to the webhook's
URL and says what came back; where the listener of this machine is behind that URL, whether it
arrived there, too.

Exit codes: 0 when it was answered 2xx, with a name each of them, 1 when not, 2 for a mistake in
flags.")]
pub struct WebhooksTestArgs {
    /// The webhook, or the name of those made together
    #[arg(value_name = "ID", value_parser = id_or_name)]
    pub id: String,

    /// How long an answer may take
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub timeout: String,

    /// How to sign: cakemail-hex, cakemail-base64 or api-base64
    #[arg(long, value_name = "SCHEME", default_value = "api-base64")]
    pub scheme: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    // Last, since its heading goes on to what stands behind it.
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}
