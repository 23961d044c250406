//! From flags, environment and files to [`Settings`], validated once.
//!
//! Flags and environment come in as one [`Raw`] (clap joins them), each file as
//! another; the first that says something wins, and secrets add up.

mod account;
mod address;
pub mod credentials;
mod events;
mod file;
mod origin;
mod register;
mod relay;
mod resolve;
mod secrets;
mod server;
mod target;
mod units;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use http::{HeaderName, HeaderValue, StatusCode, Uri};
use secrecy::SecretString;

pub use account::{AccountSettings, DEFAULT_API, account_flags, api_url};
pub use address::address;
pub use events::{known_event, unknown_event};
pub use file::{ConfigFiles, OneOrMany, SecretEntry, load, user_config_folder, user_data_folder};
pub use register::{RegisterSettings, WantedEvent};
pub use relay::{is_name, relay_url, relay_url_for_token};
pub use resolve::resolve;
pub use secrets::labelled;
pub use server::shown_url;
pub use target::{BadTarget, Target};
pub use units::{duration, duration_up_to, size};

use crate::cakemail::event::EventPattern;
use crate::cakemail::signature::Secret;
pub use crate::delivery::{command, shell_words};

/// A setting that cannot be used. Nothing was started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct ConfigError {
    /// What is wrong, naming the setting and its value.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

impl ConfigError {
    fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// What Host header the app sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HostHeader {
    /// The target's own.
    #[default]
    Rewrite,
    /// The one that the sender used.
    Preserve,
}

/// When to colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// On a terminal, unless `NO_COLOR` is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Settings as one source has them, each perhaps unset.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Raw {
    /// The file that says it; `None` for flags and environment.
    #[serde(skip)]
    pub origin: Option<PathBuf>,
    /// Whether that file may have come with a project, and so may be a stranger's.
    #[serde(skip)]
    pub is_strangers: bool,
    /// Where deliveries arrive.
    #[serde(deserialize_with = "file::text")]
    pub listen: Option<String>,
    /// Targets.
    pub forward: Option<OneOrMany>,
    /// `GLOB=URL`, in order of precedence. In a file this is the table `routes`.
    #[serde(skip)]
    pub route: Vec<String>,
    /// The file's form of `route`.
    pub routes: Option<toml::Table>,
    /// Event patterns.
    pub events: Option<OneOrMany>,
    /// `--secret` values, `S` or `NAME=S`.
    #[serde(skip)]
    pub secret: Vec<SecretString>,
    /// Files with a secret a line.
    pub secret_file: Option<OneOrMany>,
    /// The file's secrets.
    pub secrets: Vec<SecretEntry>,
    /// Answer 401 to what does not verify.
    pub reject_invalid: Option<bool>,
    /// Answer 200 at once.
    pub ack: Option<bool>,
    /// Answer this without forwarding.
    pub status: Option<u16>,
    /// How long an app may take.
    #[serde(deserialize_with = "file::text")]
    pub timeout: Option<String>,
    /// The largest body.
    #[serde(deserialize_with = "file::text")]
    pub max_body: Option<String>,
    /// Deliveries to keep.
    pub keep: Option<usize>,
    /// Bytes to keep.
    #[serde(deserialize_with = "file::text")]
    pub keep_bytes: Option<String>,
    /// The journal's file.
    pub store: Option<PathBuf>,
    /// Keep in memory only.
    pub ephemeral: Option<bool>,
    /// Make each commit reach the disk.
    pub durable: Option<bool>,
    /// Headers to add, `K: V`.
    #[serde(rename = "headers")]
    pub header: Option<OneOrMany>,
    /// What Host the app sees.
    pub host_header: Option<HostHeader>,
    /// Accept self-signed certificates of loopback targets.
    pub insecure_target: Option<bool>,
    /// Where the web inspector is served.
    #[serde(deserialize_with = "file::text")]
    pub inspector: Option<String>,
    /// Serve none.
    pub no_inspector: Option<bool>,
    /// The relay; an empty text wants none.
    pub relay: Option<String>,
    /// What it knows the agent by. No flag has it: others can read those.
    pub relay_token: Option<SecretString>,
    /// Certificates to trust there.
    pub relay_ca: Option<PathBuf>,
    /// The wanted name.
    pub name: Option<String>,
    /// Have it although another agent has it. Nobody means that of each start, so no file
    /// can say it.
    #[serde(skip)]
    pub takeover: Option<bool>,
    /// Have it together with others.
    pub share: Option<bool>,
    /// Make webhooks at Cakemail for as long as it runs.
    pub register: Option<bool>,
    /// Whether that was typed for this run. No file can say it.
    #[serde(skip)]
    pub is_register_typed: bool,
    /// Where the world reaches the listener; an empty text is none.
    pub public_url: Option<String>,
    /// The URL of Cakemail's API. A project's file could send somebody's token anywhere with
    /// it, so no file can say it.
    #[serde(skip)]
    pub api: Option<String>,
    /// The account there, where one has several.
    pub account: Option<u64>,
    /// JSON lines.
    pub json: Option<bool>,
    /// No lines for deliveries.
    pub quiet: Option<bool>,
    /// Lines on a terminal too, in place of the screen.
    pub no_tui: Option<bool>,
    /// When to colour.
    pub color: Option<Color>,
}

/// What to do with a delivery besides keeping it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Where deliveries go; the first one's answer goes to the sender.
    pub forward: Vec<Target>,
    /// Where some of them go instead; the first that matches.
    pub routes: Vec<(EventPattern, Target)>,
    /// Only these are forwarded; empty means all.
    pub events: Vec<EventPattern>,
    /// Answer 401 to what does not verify.
    pub reject_invalid: bool,
    /// Answer 200 at once and forward behind it.
    pub ack: bool,
    /// Answer this without forwarding.
    pub status: Option<StatusCode>,
}

impl Policy {
    /// Every target that may be asked.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.forward
            .iter()
            .chain(self.routes.iter().map(|(_, target)| target))
    }
}

/// How deliveries are forwarded.
#[derive(Debug, Clone)]
pub struct ForwardSettings {
    /// How long an app may take to answer.
    pub timeout: Duration,
    /// Headers to add, in place of those of the same name.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What Host the app sees.
    pub host_header: HostHeader,
    /// Accept self-signed certificates of loopback targets.
    pub insecure_target: bool,
}

/// Where deliveries are kept and how many.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// The journal; `None` keeps everything in memory only.
    pub path: Option<PathBuf>,
    /// Whether each commit reaches the disk itself before it counts.
    pub durable: bool,
    /// Deliveries to keep.
    pub keep: usize,
    /// Bytes to keep.
    pub keep_bytes: usize,
}

/// How much is said and how.
#[derive(Debug, Clone, Copy, Default)]
pub struct OutputSettings {
    /// JSON lines on standard output.
    pub json: bool,
    /// No lines for deliveries.
    pub quiet: bool,
    /// Lines on a terminal too, in place of the screen.
    pub no_tui: bool,
    /// When to colour.
    pub color: Color,
}

/// The relay that gives the listener a public URL.
#[derive(Debug, Clone)]
pub struct RelaySettings {
    /// Its URL, `https` or `http`, with nothing behind the host and port but perhaps a path.
    pub url: Uri,
    /// Who asks; `None` where the relay wants no token.
    pub token: Option<SecretString>,
    /// The wanted name; `None` takes the one that the relay remembers for the token.
    pub name: Option<String>,
    /// Certificates to trust beside the system's, in PEM.
    pub ca: Option<PathBuf>,
    /// What if another agent has the name.
    pub claim: Claim,
}

/// What an agent wants with a name that others may want too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Claim {
    /// It alone, unless somebody has it already.
    #[default]
    Exclusive,
    /// It alone, whoever has it.
    Takeover,
    /// It together with others that want to share it too.
    Share,
}

/// Everything that `cmhook listen` needs to know, checked.
#[derive(Debug)]
pub struct Settings {
    /// Where deliveries arrive.
    pub listen: SocketAddr,
    /// Where the web inspector is served, on loopback; `None` serves none.
    pub inspector: Option<SocketAddr>,
    /// The relay that gives it a public URL.
    pub relay: Option<RelaySettings>,
    /// A public URL that is the user's own.
    pub public_url: Option<String>,
    /// The webhooks to make at Cakemail; `None` makes none.
    pub register: Option<RegisterSettings>,
    /// What to do with them.
    pub policy: Policy,
    /// How to forward them.
    pub forward: ForwardSettings,
    /// What to verify them with.
    pub secrets: Vec<Secret>,
    /// The largest body, in bytes.
    pub max_body: u64,
    /// Where to keep them.
    pub store: StoreSettings,
    /// What to say of them.
    pub output: OutputSettings,
    /// The account whose webhooks are managed.
    pub account: AccountSettings,
    /// Things that are allowed but probably not meant.
    pub doubts: Vec<String>,
}
