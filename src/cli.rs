//! The command line: definitions, and nothing else.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{ArgAction, Args, CommandFactory as _, FromArgMatches as _};
use clap::{Parser, Subcommand, ValueEnum};
use secrecy::SecretString;

const AFTER: &str = "\
Examples:
  cmhook demo                                   see it work within a minute
  cmhook listen 3000                            forward to http://localhost:3000
  cmhook listen -f 3000/webhooks --secret S     verify signatures too
  cmhook listen -f 3000 --json | jq .type       one JSON object a line

Exit codes: 0 after a clean stop, 1 when it could not start or do its work, 2 for a
mistake in flags or configuration.";

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
    /// written; clap by itself knows that of `--forward` only.
    ///
    /// # Errors
    /// At the first argument that means nothing, and for `--help` and `--version`.
    pub fn read(args: &[OsString]) -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches_from(args)?;
        let from_environment = matches
            .subcommand_matches("listen")
            .and_then(|listen| listen.value_source("forward"))
            == Some(ValueSource::EnvVariable);
        let mut cli =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut Self::command()))?;
        if from_environment
            && let Command::Listen(listen) = &mut cli.command
            && !listen.targets.is_empty()
        {
            listen.forward.clear();
        }
        Ok(cli)
    }
}

/// Whether a switch is on, as flags and the environment say it. Anything but these words
/// is a mistake: `CMHOOK_ACK=nope` must not mean yes.
///
/// # Errors
/// What is wrong, for any other word.
pub fn switch(text: &str) -> Result<bool, &'static str> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Ok(true),
        "false" | "no" | "off" | "0" | "" => Ok(false),
        _ => Err("it must be true or false"),
    }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take deliveries in, verify, keep and forward them, and answer their sender
    Listen(Box<ListenArgs>),
    /// Try it out: a small app, a listener, and a signed sample delivery every few seconds
    Demo(DemoArgs),
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

/// What Host header the app sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostHeaderArg {
    /// The one that the sender used
    Preserve,
    /// The target's own
    Rewrite,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ColorArg {
    /// On a terminal, unless `NO_COLOR` is set
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// How much is said and how.
#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Write one JSON object a line to standard output (docs/json.md)
    #[arg(long, env = "CMHOOK_JSON", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub json: Option<bool>,

    /// Write no lines for deliveries
    #[arg(short, long, env = "CMHOOK_QUIET", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub quiet: Option<bool>,

    /// When to colour
    #[arg(
        long,
        env = "CMHOOK_COLOR",
        hide_env_values = true,
        value_name = "WHEN"
    )]
    pub color: Option<ColorArg>,
}

/// `cmhook listen`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    after_help = "\
Every flag can also stand in cmhook.toml, in the project's folder or the user's \
configuration folder (docs/configuration.md), and in the environment. Flags win over \
the environment, that over the project's file, and that over the user's."
)]
pub struct ListenArgs {
    /// Where to forward: PORT, HOST:PORT, HOST:PORT/PATH or a URL; the same as --forward
    #[arg(value_name = "TARGET")]
    pub targets: Vec<String>,

    /// Forward to this target; of several, the first one's answer goes to the sender
    #[arg(
        short,
        long,
        visible_alias = "forward-to",
        value_name = "TARGET",
        env = "CMHOOK_FORWARD",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub forward: Vec<String>,

    /// Take deliveries in here: PORT or ADDRESS:PORT, port 0 for a free one [default: 127.0.0.1:4400]
    #[arg(
        short,
        long,
        value_name = "ADDR",
        env = "CMHOOK_LISTEN",
        hide_env_values = true
    )]
    pub listen: Option<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub verify: VerifyArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub forwarding: ForwardingArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub keeping: KeepingArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub output: OutputArgs,
}

/// Verification.
#[derive(Debug, Args)]
#[command(next_help_heading = "Verifying")]
pub struct VerifyArgs {
    /// A webhook's secret, `S` or `NAME=S`; may be repeated. `ps` shows flags: safer are
    /// `CMHOOK_SECRET`, which holds one verbatim, and files
    #[arg(short, long, value_name = "S")]
    pub secret: Vec<SecretString>,

    /// A file with one secret a line
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_SECRET_FILE",
        hide_env_values = true
    )]
    pub secret_file: Vec<String>,

    /// Answer 401 to what does not verify, without forwarding it
    #[arg(long, env = "CMHOOK_REJECT_INVALID", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub reject_invalid: Option<bool>,
}

/// Forwarding and answering.
#[derive(Debug, Args)]
#[command(next_help_heading = "Forwarding and answering")]
pub struct ForwardingArgs {
    /// Forward only these events, such as `email.*,campaign.sent`; others are kept and answered 200
    #[arg(
        short,
        long,
        value_name = "GLOB",
        env = "CMHOOK_EVENTS",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub events: Vec<String>,

    /// Forward events that match GLOB to URL instead; may be repeated, the first match counts
    #[arg(
        long,
        value_name = "GLOB=URL",
        env = "CMHOOK_ROUTE",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub route: Vec<String>,

    /// Answer 200 at once and forward behind it
    #[arg(long, env = "CMHOOK_ACK", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub ack: Option<bool>,

    /// Answer this status without forwarding
    #[arg(
        long,
        value_name = "CODE",
        env = "CMHOOK_STATUS",
        hide_env_values = true
    )]
    pub status: Option<u16>,

    /// How long the app may take to answer [default: 30s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "CMHOOK_TIMEOUT",
        hide_env_values = true
    )]
    pub timeout: Option<String>,

    /// Add a header to what is forwarded, `K: V`, in place of any of that name; may be repeated
    #[arg(
        short = 'H',
        long,
        value_name = "K: V",
        env = "CMHOOK_HEADER",
        hide_env_values = true,
        hide_env_values = true
    )]
    pub header: Vec<String>,

    /// What Host header the app sees [default: rewrite]
    #[arg(
        long,
        value_name = "WHICH",
        env = "CMHOOK_HOST_HEADER",
        hide_env_values = true
    )]
    pub host_header: Option<HostHeaderArg>,

    /// Accept self-signed certificates, of loopback targets only
    #[arg(long, env = "CMHOOK_INSECURE_TARGET", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub insecure_target: Option<bool>,
}

/// Keeping.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping")]
pub struct KeepingArgs {
    /// The largest body; a larger one is answered 413 [default: 25MB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "CMHOOK_MAX_BODY",
        hide_env_values = true
    )]
    pub max_body: Option<String>,

    /// How many deliveries to keep [default: 10000]
    #[arg(long, value_name = "N", env = "CMHOOK_KEEP", hide_env_values = true)]
    pub keep: Option<usize>,

    /// How many bytes of them to keep [default: 256MB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "CMHOOK_KEEP_BYTES",
        hide_env_values = true
    )]
    pub keep_bytes: Option<String>,

    /// Keep them in this file [default: deliveries.db in the user's data folder]
    #[arg(
        long,
        value_name = "PATH",
        env = "CMHOOK_STORE",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,

    /// Keep them in memory only
    #[arg(long, env = "CMHOOK_EPHEMERAL", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub ephemeral: Option<bool>,

    /// Acknowledge only what has reached the disk itself, so that a power cut loses nothing
    #[arg(long, env = "CMHOOK_DURABLE", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub durable: Option<bool>,
}

/// `cmhook demo`.
#[derive(Debug, Args)]
#[command(args_override_self = true)]
pub struct DemoArgs {
    /// Take deliveries in here: PORT or ADDRESS:PORT, port 0 for a free one
    #[arg(short, long, value_name = "ADDR", default_value = "127.0.0.1:4400")]
    pub listen: String,

    /// How long to wait between two sample deliveries
    #[arg(long, value_name = "DURATION", default_value = "2s")]
    pub interval: String,

    /// Stop after this many sample deliveries
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub output: OutputArgs,
}
