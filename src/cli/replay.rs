//! `cmhook replay`.

use clap::Args;
use std::path::PathBuf;

use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs};

/// `cmhook replay`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook replay last                                   once more, byte for byte
  cmhook replay 40..50 --to 3000/webhooks
  cmhook replay --filter status:5xx --expect 2xx
  cmhook replay last --set data.email=a@b.c --delete data.url
  cmhook replay 42 --unsigned --expect 401             does the app check signatures?
  cmhook replay fixtures/*.json --to 3000 --expect-same --junit report.xml
  cmhook replay 1.. --paced=10 --times 3               ten times as fast as it came

A replay sends the bytes that came and adds an attempt to the delivery. Where something is
edited or signed anew, it is a new delivery that names its original. What comes from a file
is sent and not kept. Through a running listener its faces see all of it.

Exit codes: 0 when all were answered as expected, 1 when one was not, or got no answer, or
nothing matched, 2 for a mistake in the arguments. Without `--expect` any answer is fine,
whatever its status.")]
pub struct ReplayArgs {
    /// Which deliveries: 42, 40..50, last, last~2; or fixtures, HAR or JSON lines files
    #[arg(value_name = "ID|FILE")]
    pub which: Vec<String>,

    /// Those that match this filter (docs/filter.md)
    #[arg(long, value_name = "FILTER")]
    pub filter: Option<String>,

    /// Send to this port, HOST:PORT or URL [default: where the store's last listener forwards]
    #[arg(short, long, value_name = "TARGET")]
    pub to: Option<String>,

    /// Say what would be sent, and send nothing
    #[arg(short = 'n', long)]
    pub dry_run: bool,

    /// Write no line for what went as expected
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub edit: EditArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub pace: PaceArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub expect: ExpectArgs,
}

/// What is changed before it is sent.
#[derive(Debug, Args)]
#[command(next_help_heading = "Edit")]
pub struct EditArgs {
    /// Set a value of the JSON payload; VALUE is JSON where it can be read so, else a text.
    /// May be repeated
    #[arg(long, value_name = "PATH=VALUE")]
    pub set: Vec<String>,

    /// Take a value out of the JSON payload; may be repeated
    #[arg(long, value_name = "PATH")]
    pub delete: Vec<String>,

    /// Set a header, or take it out with nothing behind the colon; may be repeated
    #[arg(short = 'H', long, value_name = "K: V")]
    pub header: Vec<String>,

    /// Sign with the secret of this label, or with this secret
    #[arg(long, value_name = "LABEL|SECRET", conflicts_with = "unsigned")]
    pub sign_with: Option<secrecy::SecretString>,

    /// Sign as this scheme has it: cakemail-hex, cakemail-base64 or api-base64
    #[arg(long, value_name = "SCHEME", conflicts_with = "unsigned")]
    pub scheme: Option<String>,

    /// Send no signature
    #[arg(long)]
    pub unsigned: bool,
}

/// How often, in which order and how fast.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pace")]
pub struct PaceArgs {
    /// Send all of them N times
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub times: u32,

    /// Wait for no more than N answers at once [default: 1, or 64 with --rate or --paced]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub concurrency: Option<u32>,

    /// Send no more than so many in a time: 50/s, 300/m
    #[arg(long, value_name = "RATE", conflicts_with = "paced")]
    pub rate: Option<String>,

    /// Keep the time between them as it was, or SPEED times as fast
    #[arg(long, value_name = "SPEED", num_args = 0..=1, require_equals = true, default_missing_value = "1")]
    pub paced: Option<String>,

    /// Mix their order, the same way for the same SEED
    #[arg(long, value_name = "SEED", conflicts_with = "paced")]
    pub shuffle: Option<u64>,
}

/// What the answers must be.
#[derive(Debug, Args)]
#[command(next_help_heading = "Test")]
pub struct ExpectArgs {
    /// Statuses that are right: 200, 2xx, <500, 200..204, or several with commas
    #[arg(long, value_name = "STATUS")]
    pub expect: Option<String>,

    /// The answer must have the status and body of the recorded one; else the difference is
    /// shown
    #[arg(long)]
    pub expect_same: bool,

    /// Write the results as JUnit XML to this file
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
}
