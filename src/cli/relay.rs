//! `cmhook relay`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::relay_keep::{RelayNameCommand, RelayTokenCommand};

/// `cmhook relay`.
#[derive(Debug, Args)]
pub struct RelayServerArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RelayCommand,
}

/// The commands of a relay.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Run a relay: the server that gives listeners a public URL
    Serve(Box<RelayServeArgs>),
    /// Make, list, revoke and renew the tokens that agents connect with
    #[command(subcommand)]
    Token(RelayTokenCommand),
    /// List, reserve and release the names that tokens have
    #[command(subcommand)]
    Name(RelayNameCommand),
    /// Remember the token for a relay, after asking the relay whether it is good
    Login(RelayLoginArgs),
}

/// How to log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogArg {
    /// Lines for people
    Text,
    /// An object a line
    Json,
}

/// How public URLs are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UrlsArg {
    /// https://NAME.DOMAIN/, which takes wildcard DNS and a certificate for it
    Subdomain,
    /// https://DOMAIN/t/NAME/
    Path,
}

/// `cmhook relay serve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook relay serve --open                      to try it out, on this machine alone
  cmhook relay serve --listen :8080 --domain hooks.example.com --trust-proxy 127.0.0.1

Requests to https://NAME.DOMAIN/ and to https://DOMAIN/t/NAME/ go to the agent that has the
name; while it is away they wait on the disk. Agents are `cmhook listen --relay DOMAIN`.
A relay says that it lives at /healthz and whether it takes work at /readyz.

Exit codes: 0 when it was stopped, 1 when it could not start, 2 for a mistake in flags.")]
pub struct RelayServeArgs {
    /// Where senders and agents connect: PORT, :PORT (every address) or ADDRESS:PORT [default: 127.0.0.1:4480, with a certificate :443]
    #[arg(
        short,
        long,
        value_name = "ADDR",
        env = "CMHOOK_RELAY_LISTEN",
        hide_env_values = true
    )]
    pub listen: Option<String>,

    /// The host under which the world reaches the relay, with the port where that is not the usual one: HOST or HOST:PORT [default: what --listen says]
    #[arg(
        short,
        long,
        value_name = "HOST",
        env = "CMHOOK_RELAY_DOMAIN",
        hide_env_values = true
    )]
    pub domain: Option<String>,

    /// How public URLs are written; both ways always work [default: subdomain where a certificate of --tls-cert covers those, else path]
    #[arg(
        long,
        value_name = "STYLE",
        env = "CMHOOK_RELAY_URLS",
        hide_env_values = true
    )]
    pub urls: Option<UrlsArg>,

    /// The folder with tokens, names and what waits for agents
    #[arg(
        long,
        value_name = "DIR",
        env = "CMHOOK_RELAY_DATA",
        hide_env_values = true
    )]
    pub data: Option<PathBuf>,

    /// Let agents in without a token, under names that nobody can guess; on loopback only
    #[arg(long)]
    pub open: bool,

    /// Do what is asked for although it lets strangers in: --open, or --metrics, where others reach it
    #[arg(long)]
    pub i_know: bool,

    /// Believe proxies in this network about who is behind them, and that senders speak HTTPS to them; may be repeated
    #[arg(
        long,
        value_name = "CIDR",
        env = "CMHOOK_RELAY_TRUST_PROXY",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub trust_proxy: Vec<String>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub tls: RelayTlsArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub queue: RelayQueueArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub limits: RelayLimitArgs,

    /// Where Prometheus reads metrics, on loopback unless --i-know is given, or `off` [default: 127.0.0.1:9480]
    #[arg(
        long,
        value_name = "ADDR",
        env = "CMHOOK_RELAY_METRICS",
        hide_env_values = true
    )]
    pub metrics: Option<String>,

    /// How to log, to standard error
    #[arg(
        long,
        value_name = "FORMAT",
        env = "CMHOOK_RELAY_LOG",
        hide_env_values = true,
        default_value = "text"
    )]
    pub log: LogArg,

    /// Say where it listens as a JSON object
    #[arg(long)]
    pub json: bool,
}

/// TLS.
#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub struct RelayTlsArgs {
    /// Serve HTTPS with the certificate chain in this PEM file, which is read again when it changes
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_TLS_CERT",
        hide_env_values = true,
        requires = "tls_key",
        conflicts_with = "acme"
    )]
    pub tls_cert: Option<PathBuf>,

    /// Its key, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_TLS_KEY",
        hide_env_values = true,
        requires = "tls_cert"
    )]
    pub tls_key: Option<PathBuf>,

    /// Serve HTTPS with a certificate from Let's Encrypt, which writes to this address when something is wrong with it
    #[arg(
        long,
        value_name = "EMAIL",
        env = "CMHOOK_RELAY_ACME",
        hide_env_values = true,
        requires = "domain"
    )]
    pub acme: Option<String>,

    /// Take it from another authority that speaks ACME
    #[arg(
        long,
        value_name = "URL",
        env = "CMHOOK_RELAY_ACME_DIRECTORY",
        hide_env_values = true,
        requires = "acme"
    )]
    pub acme_directory: Option<String>,

    /// Trust the certificates in this PEM file too, for that authority
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_ACME_CA",
        hide_env_values = true,
        requires = "acme"
    )]
    pub acme_ca: Option<PathBuf>,

    /// Where plain HTTP is answered beside HTTPS: proofs for --acme, and else where to go, or `off` [default: with --acme :80]
    #[arg(
        long,
        value_name = "ADDR",
        env = "CMHOOK_RELAY_HTTP",
        hide_env_values = true
    )]
    pub http: Option<String>,
}

/// Waiting.
#[derive(Debug, Args)]
#[command(next_help_heading = "While an agent is away")]
pub struct RelayQueueArgs {
    /// How many deliveries wait for one name, or `off` for none [default: 10000]
    #[arg(
        long,
        value_name = "N",
        env = "CMHOOK_RELAY_QUEUE",
        hide_env_values = true
    )]
    pub queue: Option<String>,

    /// How many bytes of them [default: 256MB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "CMHOOK_RELAY_QUEUE_BYTES",
        hide_env_values = true
    )]
    pub queue_bytes: Option<String>,

    /// How long [default: 72h]
    #[arg(
        long,
        value_name = "DURATION",
        env = "CMHOOK_RELAY_QUEUE_AGE",
        hide_env_values = true
    )]
    pub queue_age: Option<String>,
}

/// Limits.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub struct RelayLimitArgs {
    /// The largest body; a larger one is answered 413 [default: 25MB]
    #[arg(
        long,
        value_name = "SIZE",
        env = "CMHOOK_RELAY_MAX_BODY",
        hide_env_values = true
    )]
    pub max_body: Option<String>,

    /// Deliveries a second for each name, over some seconds; more are answered 429 [default: 1000]
    #[arg(
        long,
        value_name = "N",
        env = "CMHOOK_RELAY_RATE",
        hide_env_values = true
    )]
    pub rate: Option<u32>,

    /// Deliveries at one time for each name; more are answered 429 [default: 256]
    #[arg(
        long,
        value_name = "N",
        env = "CMHOOK_RELAY_CONCURRENCY",
        hide_env_values = true
    )]
    pub concurrency: Option<usize>,

    /// Connections at one time; more are answered 503 [default: what open files allow, 10000 at most]
    #[arg(
        long,
        value_name = "N",
        env = "CMHOOK_RELAY_MAX_CONNECTIONS",
        hide_env_values = true
    )]
    pub max_connections: Option<usize>,

    /// How long an agent may take to answer [default: 2m]
    #[arg(
        long,
        value_name = "DURATION",
        env = "CMHOOK_RELAY_ANSWER_TIMEOUT",
        hide_env_values = true
    )]
    pub answer_timeout: Option<String>,

    /// How long a stop waits for deliveries that are under way [default: 20s]
    #[arg(
        long,
        value_name = "DURATION",
        env = "CMHOOK_RELAY_GRACE",
        hide_env_values = true
    )]
    pub grace: Option<String>,
}

/// `cmhook relay login`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook relay login hooks.example.com                 asks for the token
  cmhook relay login hooks.example.com < token.txt

The token is kept in a file of your own, readable by you alone, and used by `cmhook listen
--relay` from then on; CMHOOK_RELAY_TOKEN goes before it.")]
pub struct RelayLoginArgs {
    /// The relay: a URL or HOST
    #[arg(value_name = "URL")]
    pub url: String,

    /// Trust the certificates in this PEM file too
    #[arg(
        long,
        value_name = "FILE",
        env = "CMHOOK_RELAY_CA",
        hide_env_values = true
    )]
    pub relay_ca: Option<PathBuf>,

    /// Forget the token instead
    #[arg(long)]
    pub forget: bool,
}
