//! `cmhook doctor`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs};
use super::webhooks::AccountArgs;

/// `cmhook doctor`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook doctor                                 what it knows from cmhook.toml and the environment
  cmhook doctor -f 3000/webhooks --secret S     the app too
  cmhook doctor --relay hooks.example.com --events email.opened
  cmhook doctor --no-send --json                for scripts, with nothing sent to the app

It sends the app up to five samples: signed in each of Cakemail's schemes, unsigned, and wrongly
signed; --no-send sends none. A canary that it sends to the public URL is answered by the
listener, and the app does not see it. Nothing is changed, here or at Cakemail.

Exit codes: 0 when no check failed (warnings are fine), 1 when one did, 2 for a mistake in flags.")]
pub struct DoctorArgs {
    /// The app, as in `cmhook listen` [default: where the running listener forwards to]
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// The same as TARGET; may be repeated
    #[arg(
        short,
        long,
        value_name = "TARGET",
        env = "CMHOOK_FORWARD",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub forward: Vec<String>,

    /// The events that should arrive, such as `email.opened,email.bounced`; a sample of the first is sent
    #[arg(
        short,
        long,
        value_name = "GLOB",
        env = "CMHOOK_EVENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub events: Vec<String>,

    /// Send nothing to the app
    #[arg(long)]
    pub no_send: bool,

    /// How long the app may take to answer; Cakemail waits 5 s
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub timeout: String,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub public: PublicArgs,

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

/// The way in from outside.
#[derive(Debug, Args)]
#[command(next_help_heading = "Public URL")]
pub struct PublicArgs {
    /// The relay, as in `cmhook listen` [default: that of the running listener]
    #[arg(long, value_name = "URL", env = "CMHOOK_RELAY", hide_env_values = true)]
    pub relay: Option<String>,

    /// The name there [default: the one that the relay remembers for the token]
    #[arg(long, value_name = "NAME", env = "CMHOOK_NAME", hide_env_values = true)]
    pub name: Option<String>,

    /// Trust the certificates in this PEM file too, for the relay
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_CA",
        hide_env_values = true
    )]
    pub relay_ca: Option<PathBuf>,

    /// Where the world reaches the listener through a tunnel of your own
    #[arg(
        long,
        value_name = "URL",
        env = "CMHOOK_PUBLIC_URL",
        hide_env_values = true
    )]
    pub public_url: Option<String>,
}
