//! `cmhook show`.

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, SelectArgs, StoreArgs};

/// `cmhook show`.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch")]
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook show                          the newest delivery
  cmhook show 42
  cmhook show last~2 --response        what the app answered
  cmhook show 42 --body > payload.json
  cmhook show --filter 'sig:invalid after:1h'
  cmhook show 42 --jq .verdict.reason

Without an ID it is `last`. Text from senders is made harmless to the terminal; what `--body`
writes is the exact bytes.

Exit codes: 0 when it is shown, 1 when nothing matched or there is no such attempt or
response, 2 for a mistake in the arguments.")]
pub struct ShowArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub select: SelectArgs,

    /// Write the exact bytes of the body, and nothing else
    #[arg(short, long, conflicts_with_all = ["headers", "json", "jq"])]
    pub body: bool,

    /// Write the headers only
    #[arg(short = 'H', long, conflicts_with_all = ["json", "jq"])]
    pub headers: bool,

    /// Of the app's response instead of the request
    #[arg(short, long, conflicts_with_all = ["json", "jq"])]
    pub response: bool,

    /// Of the N-th attempt; without it, all of them and the response to the last
    #[arg(short, long, value_name = "N", conflicts_with_all = ["json", "jq"])]
    pub attempt: Option<u32>,

    /// Write binary bodies to a terminal all the same
    #[arg(long, requires = "body")]
    pub force: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,
}
