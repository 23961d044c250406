//! `cmhook import`.

use std::path::PathBuf;

use clap::Args;

use super::shared::{ColorArgs, JsonArgs, SecretArgs, StoreArgs};

/// `cmhook import`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook import tests/bounced.json
  cmhook import tests/deliveries/*.json
  cmhook import session.har
  cmhook import - < deliveries.jsonl
  cmhook import tests/bounced.json --store ci.db && cmhook replay last --store ci.db --to 3000

Reads fixtures (docs/fixtures.md), HAR, and JSON as `cmhook listen --json`, `cmhook list
--json` and `cmhook export --as json` write it. Deliveries get new ids and keep their times,
and what apps answered stays with them. Their signatures are checked anew. Where one file
has a mistake in it, nothing of any is taken in.

Exit codes: 0 when all are taken in, 1 when a file cannot be read or is not what it should
be, 2 for a mistake in the arguments.")]
pub struct ImportArgs {
    /// Files to read; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub secrets: SecretArgs,

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
