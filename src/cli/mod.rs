//! The command line: definitions, and nothing else.

mod clear;
mod delete;
mod demo;
mod diff;
mod doctor;
mod export;
mod import;
mod list;
mod listen;
mod login;
mod mark;
mod relay;
mod relay_keep;
mod replay;
mod sandbox;
mod shared;
mod show;
mod sign;
mod trigger;
mod usage;
mod verify;
mod webhooks;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use clear::ClearArgs;
pub use delete::DeleteArgs;
pub use demo::DemoArgs;
pub use diff::DiffArgs;
pub use doctor::DoctorArgs;
pub use export::{ExportArgs, FormatArg};
pub use import::ImportArgs;
pub use list::ListArgs;
pub use listen::{HostHeaderArg, ListenArgs};
pub use login::{LoginArgs, LogoutArgs};
pub use mark::MarkArgs;
pub use relay::{
    LogArg, RelayCommand, RelayLimitArgs, RelayLoginArgs, RelayQueueArgs, RelayServeArgs,
    RelayServerArgs, RelayTlsArgs, UrlsArg,
};
pub use relay_keep::{
    RelayDataArgs, RelayListArgs, RelayNameCommand, RelayNameReleaseArgs, RelayNameReserveArgs,
    RelayTokenArgs, RelayTokenCommand, RelayTokenCreateArgs,
};
pub use replay::{EditArgs, ExpectArgs, PaceArgs, ReplayArgs};
pub use sandbox::{
    SandboxAccountArgs, SandboxApiArgs, SandboxArgs, SandboxCommand, SandboxDeliveriesArgs,
    SandboxEngineArgs, SandboxFireArgs, SandboxServeArgs,
};
pub use shared::{
    ColorArg, ColorArgs, JsonArgs, OutputArgs, SecretArgs, SelectArgs, StoreArgs, switch,
};
pub use show::ShowArgs;
pub use sign::SignArgs;
pub use trigger::TriggerArgs;
pub use verify::VerifyArgs;
pub use webhooks::{
    AccountArgs, LimitArgs, NewLimitArgs, PeriodArg, WebhooksArgs, WebhooksCommand,
    WebhooksCreateArgs, WebhooksDeleteArgs, WebhooksGetArgs, WebhooksIdsArgs, WebhooksListArgs,
    WebhooksTestArgs, WebhooksUpdateArgs,
};

const AFTER: &str = "\
Examples:
  cmhook demo                                   see it work within a minute
  cmhook listen 3000                            forward to http://localhost:3000
  cmhook listen -f 3000/webhooks --secret S     verify signatures too
  cmhook trigger email.bounced --secret S       send a signed sample
  cmhook list --filter 'status:>=400'           what failed
  cmhook show last                              payload, headers, attempts, signature
  cmhook replay last --expect 2xx               once more, as a test

Exit codes: 0 fine, 1 when the answer is no (invalid, a missed expectation, nothing
matched) or it could not do its work, 2 for a mistake in flags or configuration.";

/// Receive Cakemail webhooks on your machine: verify, keep and forward every delivery.
#[derive(Debug, Parser)]
#[command(name = "cmhook", version, about, after_help = AFTER, max_term_width = 100, args_override_self = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,

    /// Read this configuration file and no other
    #[arg(
        long,
        global = true,
        value_name = "FILE",
        env = "CMHOOK_CONFIG",
        hide_env_values = true
    )]
    pub config: Option<PathBuf>,

    /// Say more on standard error; twice for even more
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

impl Cli {
    /// Parses the arguments, the first of which is the program's name. A target on the
    /// command line takes the place of those in the environment whichever way it is
    /// written; clap by itself knows that of `--forward` only. And `--register` that is
    /// typed says more than one that the environment says.
    ///
    /// # Errors
    /// At the first argument that means nothing, and for `--help` and `--version`.
    pub fn read(args: &[OsString]) -> Result<Self, clap::Error> {
        let matches = Self::command()
            .try_get_matches_from(args)
            .map_err(|error| list::with_tip(usage::of_what_was_typed(error, args), args))?;
        let source = |setting: &str, of: &[&str]| {
            let given = matches.subcommand().filter(|(name, _)| of.contains(name));
            given.and_then(|(_, given)| given.value_source(setting))
        };
        let from_environment =
            source("forward", &["listen", "doctor"]) == Some(ValueSource::EnvVariable);
        let registers = source("register", &["listen"]) == Some(ValueSource::CommandLine);
        let mut cli =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))?;
        if let Command::Listen(args) = &mut cli.command {
            args.account.is_typed = registers;
        }
        let given = match &mut cli.command {
            Command::Listen(args) => Some((&args.targets, &mut args.forward)),
            Command::Doctor(args) => Some((&args.targets, &mut args.forward)),
            _ => None,
        };
        if from_environment
            && let Some((targets, forward)) = given
            && !targets.is_empty()
        {
            forward.clear();
        }
        Ok(cli)
    }
}

impl Cli {
    /// How to log, for a command that always does.
    pub fn log(&self) -> Option<LogArg> {
        match &self.command {
            Command::Relay(RelayServerArgs {
                command: RelayCommand::Serve(args),
            }) => Some(args.log),
            _ => None,
        }
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take deliveries in, verify, keep and forward them, and answer their sender
    Listen(Box<ListenArgs>),
    /// List the deliveries that are kept
    #[command(visible_alias = "ls")]
    List(Box<ListArgs>),
    /// Show deliveries: payload, headers, attempts, signature
    Show(Box<ShowArgs>),
    /// Send deliveries again
    Replay(Box<ReplayArgs>),
    /// Send a signed sample delivery of an event
    Trigger(Box<TriggerArgs>),
    /// Check a signature, and say why it does not verify
    Verify(Box<VerifyArgs>),
    /// Print the signature header for a body
    Sign(Box<SignArgs>),
    /// Compare two deliveries, or two attempts of one
    Diff(Box<DiffArgs>),
    /// Write deliveries as curl commands, HAR, fixtures, JSON or raw bytes
    Export(Box<ExportArgs>),
    /// Take deliveries in from fixtures, HAR files or JSON lines
    Import(Box<ImportArgs>),
    /// Delete deliveries
    Delete(Box<DeleteArgs>),
    /// Delete all deliveries
    Clear(Box<ClearArgs>),
    /// Mark deliveries, so that `is:marked` finds them
    Mark(Box<MarkArgs>),
    /// Try it out: a small app, a listener, and a signed sample delivery every few seconds
    Demo(DemoArgs),
    /// Run a relay, which gives listeners a public URL; its tokens and names; log in to one
    Relay(RelayServerArgs),
    /// Manage the webhooks of your Cakemail account
    Webhooks(WebhooksArgs),
    /// Log in to your Cakemail account
    Login(LoginArgs),
    /// Forget the login to your Cakemail account
    Logout(LogoutArgs),
    /// Check everything between Cakemail and your app, and say what to mend
    Doctor(Box<DoctorArgs>),
    /// Try it all without an account: a local double of Cakemail's API and its deliveries
    Sandbox(Box<SandboxArgs>),
    /// Print the completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print a manual page, or write all of them
    Man {
        /// Of this command; without it, of cmhook itself
        command: Option<String>,
        /// Write every page into this folder instead
        #[arg(long, value_name = "DIR", conflicts_with = "command")]
        out: Option<PathBuf>,
    },
}
