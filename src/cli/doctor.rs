//! `cmhook doctor`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs, switch};
use super::webhooks::AccountArgs;

/// What stands at the end of the short help and of the long one.
macro_rules! after {
    ($checks:literal) => {
        concat!(
            $checks,
            "\
Examples:
  cmhook doctor                                 what it knows from cmhook.toml and the environment
  cmhook doctor -f 3000/webhooks --secret S     the app too
  cmhook doctor --relay hooks.example.com --events email.opened
  cmhook doctor --no-send --json                for scripts, with nothing sent to the app

It sends the app up to five samples: signed in each of Cakemail's schemes, unsigned, and wrongly
signed; and where it refuses the secret that was given, up to six that are signed with keys of the
account. --no-send sends none. A canary that it sends to the public URL is answered by the
listener, and the app does not see it. Nothing is changed, here or at Cakemail.

Exit codes: 0 when no check failed (warnings are fine), 1 when one did, 2 for a mistake in flags."
        )
    };
}

/// `cmhook doctor`.
#[derive(Debug, Args)]
#[command(
    after_help = after!(""),
    after_long_help = after!(
        "\
Checks, by their ids in --json:
  config, store, listener       files are read, deliveries are kept, a listener runs
  target                        the app takes connections
  signed, unsigned, forged      it takes a signed sample, and refuses others
  deliveries                    it took the newest delivery whose signature is right
  relay, canary                 what is sent to the public URL arrives
  api, clock                    Cakemail's API answers and accepts the credentials
  webhooks, events, duplicates  the events are sent here, and once
  urls                          somebody answers at the other URLs of webhooks
  secrets                       the keys of the webhooks that point here are known

"
    )
)]
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

    /// A header to send along, `K: V`, as `cmhook listen` adds it; may be repeated
    #[arg(
        short = 'H',
        long,
        value_name = "K: V",
        env = "CMHOOK_HEADER",
        hide_env_values = true
    )]
    pub header: Vec<String>,

    /// Accept self-signed certificates, of loopback targets only
    #[arg(long, env = "CMHOOK_INSECURE_TARGET", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub insecure_target: Option<bool>,

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
