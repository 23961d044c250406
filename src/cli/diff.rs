//! `cmhook diff`.

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, StoreArgs};

/// `cmhook diff`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook diff 41 42                    two deliveries, and the responses to them
  cmhook diff last~1 last
  cmhook diff 42@1 42@3                two attempts of one delivery
  cmhook diff 42 --attempts 1 3        the same
  cmhook diff 43                       an edited copy and its original
  cmhook diff 41 42 --jq '.request.payload.changes[].path'

Payloads that are JSON are compared by value, other text by line, the rest by byte. The
`date` header of responses is passed over.

Exit codes: 0 when there is no difference, 1 when there is one or a delivery is not there,
2 for a mistake in the arguments.")]
pub struct DiffArgs {
    /// Which deliveries: 42, last, last~2; with `@N` behind it, its N-th attempt
    #[arg(value_name = "ID", required = true, num_args = 1..=2)]
    pub deliveries: Vec<String>,

    /// Two attempts of one delivery
    #[arg(long, value_names = ["N", "M"], num_args = 2)]
    pub attempts: Option<Vec<u32>>,

    /// Pass over this header; may be repeated
    #[arg(long, value_name = "NAME")]
    pub ignore: Vec<String>,

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
