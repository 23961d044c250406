//! `cmhook doctor`.

use clap::Args;

use super::listen::RelayArgs;
use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs};
use super::webhooks::AccountArgs;

/// `cmhook doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook doctor                                 what it knows from cmhook.toml and the environment
  cmhook doctor -f 3000/webhooks                the app too
  cmhook doctor --relay hooks.example.com --events email.opened

Exit codes: 0 when no check failed (warnings are fine), 1 when one did, 2 for a mistake in flags.")]
pub struct DoctorArgs {
    /// The app, as in `cmhook listen`; may be repeated
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// The app, as in `cmhook listen`
    #[arg(
        short,
        long,
        value_name = "TARGET",
        env = "CMHOOK_FORWARD",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub forward: Vec<String>,

    /// The events that should arrive, such as `email.opened,email.bounced`
    #[arg(
        short,
        long,
        value_name = "GLOB",
        env = "CMHOOK_EVENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub events: Vec<String>,

    /// The URL that webhooks should point to, where it is not a relay's
    #[arg(
        long,
        value_name = "URL",
        env = "CMHOOK_PUBLIC_URL",
        hide_env_values = true
    )]
    pub public_url: Option<String>,

    /// Send nothing to the app
    #[arg(long)]
    pub no_send: bool,

    /// How long the app may take to answer
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub timeout: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub relay: RelayArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,
}
