//! `cmhook sandbox`.

use std::path::PathBuf;

use clap::builder::{PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Subcommand};
use secrecy::SecretString;

use super::shared::{ColorArgs, JsonArgs, switch};
use crate::cakemail::sample::Envelope;
use crate::delivery::Scheme;

/// `cmhook sandbox`.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  cmhook sandbox                                   on http://127.0.0.1:4500
  cmhook listen --register --events 'email.*' --api http://127.0.0.1:4500
  cmhook sandbox fire email.opened                 then it arrives, signed
  cmhook sandbox deliveries                        what was sent, and what came of it
  CAKEMAIL_API_BASE=http://127.0.0.1:4500 app      points the official SDK's users at it
  cmhook sandbox --ephemeral --seed 1 --fast       in tests: always the same, and quick

It is an emulation of Cakemail's side, from public documentation. The real service publishes
no retry schedule; this one tries again after 10 s, and doubles that seven times.
docs/sandbox.md describes its API.

Exit codes: 0 when it was stopped, 1 when it could not start, 2 for a mistake in flags."
)]
pub struct SandboxArgs {
    /// What to do; without one, run the sandbox.
    #[command(subcommand)]
    pub command: Option<SandboxCommand>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub serve: SandboxServeArgs,
}

/// The commands that ask a running sandbox.
#[derive(Debug, Subcommand)]
pub enum SandboxCommand {
    /// Fire events: every active webhook of each gets a signed delivery
    Fire(Box<SandboxFireArgs>),
    /// List the deliveries of a sandbox, or show one with its tries
    #[command(visible_alias = "ls")]
    Deliveries(Box<SandboxDeliveriesArgs>),
}

/// Running it.
#[derive(Debug, Args)]
pub struct SandboxServeArgs {
    /// Where it listens: PORT or ADDRESS:PORT, port 0 for a free one
    #[arg(
        short,
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:4500",
        env = "CMHOOK_SANDBOX_LISTEN",
        hide_env_values = true
    )]
    pub listen: String,

    /// Listen where other machines reach it, although whoever does can have it send requests
    #[arg(long)]
    pub i_know: bool,

    /// Keep the state in this file [default: sandbox.db in the user's data folder]
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_SANDBOX_DATA",
        hide_env_values = true
    )]
    pub data: Option<PathBuf>,

    /// Keep the state in memory only
    #[arg(long)]
    pub ephemeral: bool,

    /// Write one JSON object a line to standard output (docs/sandbox.md)
    #[arg(long, env = "CMHOOK_JSON", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub json: Option<bool>,

    /// Write no lines for tries
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: SandboxAccountArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub deliveries: SandboxEngineArgs,
}

/// The account.
#[derive(Debug, Args)]
#[command(next_help_heading = "Account")]
pub struct SandboxAccountArgs {
    /// Who logs in [default: sandbox@cmhook.test]
    #[arg(
        long,
        value_name = "EMAIL",
        env = "CMHOOK_SANDBOX_EMAIL",
        hide_env_values = true
    )]
    pub email: Option<String>,

    /// That user's password; `ps` shows flags, so better in the environment [default: sandbox]
    #[arg(
        long,
        value_name = "PASSWORD",
        env = "CMHOOK_SANDBOX_PASSWORD",
        hide_env_values = true
    )]
    pub password: Option<SecretString>,

    /// A second factor: a login is answered with a challenge, and this code answers that
    #[arg(long, value_name = "CODE")]
    pub mfa: Option<String>,

    /// How long an access token is good
    #[arg(long, value_name = "DURATION", default_value = "1h")]
    pub token_lifetime: String,

    /// Take only URLs that are https and public, as the real API does
    #[arg(long)]
    pub strict_urls: bool,

    /// Take only the 39 events that the official SDK's type for new webhooks has
    #[arg(long)]
    pub narrow_events: bool,
}

/// How it delivers.
#[derive(Debug, Args)]
#[command(next_help_heading = "Deliveries")]
pub struct SandboxEngineArgs {
    /// How deliveries are signed
    #[arg(long, value_name = "SCHEME", default_value = "api-base64",
        value_parser = PossibleValuesParser::new(["cakemail-hex", "cakemail-base64", "api-base64"])
            .try_map(|name| Scheme::from_name(&name).ok_or("no such scheme")))]
    pub scheme: Scheme,

    /// What stands around the data: the API's `account_id`, `user` and `created_on`, or the
    /// manual's `timestamp`
    #[arg(long, value_name = "ENVELOPE", default_value = "api",
        value_parser = PossibleValuesParser::new(["api", "manual"]).try_map(|name| name.parse::<Envelope>()))]
    pub envelope: Envelope,

    /// Make ids, keys, tokens and samples from this number: the same one gives the same
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// How long to wait before each retry, such as `10s,1m,10m`; `none` for no retries
    /// [default: 10s, doubled seven times]
    #[arg(long, value_name = "SCHEDULE")]
    pub retries: Option<String>,

    /// The same schedule a thousand times as fast, for tests
    #[arg(long)]
    pub fast: bool,

    /// How long an app may take to answer
    #[arg(long, value_name = "DURATION", default_value = "5s")]
    pub timeout: String,

    /// Make every delivery twice: duplicates happen
    #[arg(long)]
    pub duplicates: bool,
}

/// Which sandbox.
#[derive(Debug, Args)]
pub struct SandboxApiArgs {
    /// The sandbox [default: CAKEMAIL_API_BASE if that is this machine, the one that was
    /// started last and keeps its state, or http://127.0.0.1:4500]
    #[arg(long, value_name = "URL")]
    pub api: Option<String>,
}

/// `cmhook sandbox fire`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook sandbox fire email.opened
  cmhook sandbox fire 'email.*' --count 10
  cmhook sandbox fire Email.Bounced --data '{\"bounce_type\":\"hard\"}' --wait
  cmhook sandbox fire Email.Sent --scheme cakemail-hex --envelope manual

An event is meant by any of its names in any case. A glob means the API's names.

Exit codes: 0 when they were fired, with --wait when each was delivered; 1 when no webhook is
registered for one, or one was not delivered; 2 for a mistake in the arguments.")]
pub struct SandboxFireArgs {
    /// Which events: email.opened, 'email.*'
    #[arg(value_name = "EVENT", required = true)]
    pub events: Vec<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub api: SandboxApiArgs,

    /// The payload's data, as JSON or as @FILE, in place of the sample's
    #[arg(long, value_name = "JSON")]
    pub data: Option<String>,

    /// How to sign [default: as the sandbox does]
    #[arg(long, value_name = "SCHEME",
        value_parser = PossibleValuesParser::new(["cakemail-hex", "cakemail-base64", "api-base64"]))]
    pub scheme: Option<String>,

    /// What stands around the data [default: as the sandbox does]
    #[arg(long, value_name = "ENVELOPE", value_parser = PossibleValuesParser::new(["api", "manual"]))]
    pub envelope: Option<String>,

    /// Fire each N times, each time of another contact
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub count: u64,

    /// Of this account [default: the user's own]
    #[arg(long, value_name = "ID")]
    pub account: Option<u32>,

    /// Make each delivery twice
    #[arg(long)]
    pub duplicate: bool,

    /// Wait until each is delivered or given up
    #[arg(short, long)]
    pub wait: bool,

    /// Write JSON: what was fired, with --wait what came of it
    #[arg(long)]
    pub json: bool,
}

/// `cmhook sandbox deliveries`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook sandbox deliveries
  cmhook sandbox deliveries --outcome failed --event 'email.*'
  cmhook sandbox deliveries 7mXl2nQ0bR4sT8vZ       one with its tries and its request

The newest stands first. In a pipe the columns are separated by tabs, and there is no heading.

Exit codes: 0 when something was listed, 1 when nothing matched or no sandbox runs, 2 for a
mistake in the arguments.")]
pub struct SandboxDeliveriesArgs {
    /// Show this one
    #[arg(value_name = "ID")]
    pub id: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub api: SandboxApiArgs,

    /// Only those of this event or glob
    #[arg(long, value_name = "EVENT", conflicts_with = "id")]
    pub event: Option<String>,

    /// Only those with this outcome
    #[arg(long, value_name = "OUTCOME", conflicts_with = "id",
        value_parser = PossibleValuesParser::new(["pending", "delivered", "failed", "archived"]))]
    pub outcome: Option<String>,

    /// Only those of this webhook
    #[arg(long, value_name = "ID", conflicts_with = "id")]
    pub webhook: Option<String>,

    /// The newest N of them
    #[arg(long, short = 'n', value_name = "N", default_value_t = 50, conflicts_with = "id",
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub limit: u32,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,
}
