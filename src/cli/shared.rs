//! Flags that several commands have.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use secrecy::SecretString;

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

    /// Write lines on a terminal too, in place of the screen
    #[arg(long, env = "CMHOOK_NO_TUI", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub no_tui: Option<bool>,

    /// When to colour
    #[arg(
        long,
        env = "CMHOOK_COLOR",
        hide_env_values = true,
        value_name = "WHEN"
    )]
    pub color: Option<ColorArg>,
}

/// The web inspector.
#[derive(Debug, Args)]
#[command(next_help_heading = "Inspector")]
pub struct InspectorArgs {
    /// Serve the web inspector here, on loopback: PORT or ADDRESS:PORT, port 0 for a free one; where it is taken, the next free port [default: 127.0.0.1:4040]
    #[arg(
        long,
        value_name = "ADDR",
        env = "CMHOOK_INSPECTOR",
        hide_env_values = true
    )]
    pub inspector: Option<String>,

    /// Serve no web inspector
    #[arg(long, env = "CMHOOK_NO_INSPECTOR", hide_env_values = true, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = switch)]
    pub no_inspector: Option<bool>,
}

/// Which store.
#[derive(Debug, Args)]
pub struct StoreArgs {
    /// Deliveries are kept in this file [default: deliveries.db in the user's data folder]
    #[arg(
        long,
        value_name = "PATH",
        env = "CMHOOK_STORE",
        hide_env_values = true
    )]
    pub store: Option<PathBuf>,
}

/// Colour, for commands whose output has no other settings.
#[derive(Debug, Args)]
pub struct ColorArgs {
    /// When to colour
    #[arg(
        long,
        env = "CMHOOK_COLOR",
        hide_env_values = true,
        value_name = "WHEN"
    )]
    pub color: Option<ColorArg>,
}

/// JSON in the habits of gh.
#[derive(Debug, Args)]
pub struct JsonArgs {
    /// Write JSON; FIELDS, separated by commas, are the ones to write (docs/json.md)
    #[arg(long, value_name = "FIELDS", num_args = 0..=1, default_missing_value = "", value_delimiter = ',')]
    pub json: Option<Vec<String>>,

    /// Write what this jq expression makes of the JSON, texts without quotes
    #[arg(long, value_name = "EXPR", allow_hyphen_values = true)]
    pub jq: Option<String>,
}

impl JsonArgs {
    /// Whether JSON is wanted.
    pub const fn wanted(&self) -> bool {
        self.json.is_some() || self.jq.is_some()
    }
}

/// Secrets to sign or verify with.
#[derive(Debug, Args)]
pub struct SecretArgs {
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
}

/// Which deliveries.
#[derive(Debug, Args)]
pub struct SelectArgs {
    /// Which deliveries: 42, 40..50, last, last~2
    #[arg(value_name = "ID")]
    pub ids: Vec<String>,

    /// Those that match this filter (docs/filter.md)
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true)]
    pub filter: Option<String>,
}
