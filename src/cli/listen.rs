//! `cmhook listen`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::shared::{InspectorArgs, OutputArgs, SecretArgs, switch};

/// What Host header the app sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HostHeaderArg {
    /// The one that the sender used
    Preserve,
    /// The target's own
    Rewrite,
}

/// `cmhook listen`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    after_help = "\
Every flag but --takeover and --api can also stand in cmhook.toml, in the project's folder or the user's \
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
    pub relay: RelayArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: RegisterArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub keeping: KeepingArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub inspector: InspectorArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub output: OutputArgs,
}

/// Verification.
#[derive(Debug, Args)]
#[command(next_help_heading = "Verifying")]
pub struct VerifyArgs {
    #[command(flatten)]
    pub secrets: SecretArgs,

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

/// A public URL.
#[derive(Debug, Args)]
#[command(next_help_heading = "Public URL")]
pub struct RelayArgs {
    /// Take deliveries in from this relay too, at its public URL: a URL or HOST. The token is that of `cmhook relay login`, of cmhook.toml or of `CMHOOK_RELAY_TOKEN`
    #[arg(long, value_name = "URL", env = "CMHOOK_RELAY", hide_env_values = true)]
    pub relay: Option<String>,

    /// The name in the public URL [default: the one that the relay remembers for the token]
    #[arg(long, value_name = "NAME", env = "CMHOOK_NAME", hide_env_values = true)]
    pub name: Option<String>,

    /// Take the name from another listener that has it
    #[arg(long)]
    pub takeover: bool,

    /// Share the name with other listeners: each gets a copy, and the first one's answer counts
    #[arg(long, env = "CMHOOK_SHARE", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub share: Option<bool>,

    /// Trust the certificates in this PEM file too, for the relay
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_CA",
        hide_env_values = true
    )]
    pub relay_ca: Option<PathBuf>,
}

/// Webhooks at Cakemail.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cakemail account")]
pub struct RegisterArgs {
    /// Make a webhook for each of --events at Cakemail, verify with their keys, and archive them on the way out. The next run uses them again, so their keys stay the same; for your app, `cmhook webhooks list --show-secrets` shows them. It takes a --relay, a --public-url, or a sandbox on this machine
    #[arg(long, env = "CMHOOK_REGISTER", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub register: Option<bool>,

    /// Whether it is this command line that says so, and not the environment.
    #[arg(skip)]
    pub is_typed: bool,

    /// The public URL of a tunnel or proxy of your own that leads here
    #[arg(
        long,
        value_name = "URL",
        env = "CMHOOK_PUBLIC_URL",
        hide_env_values = true
    )]
    pub public_url: Option<String>,

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
    pub account: Option<String>,
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
