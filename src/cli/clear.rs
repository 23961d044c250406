//! `cmhook clear`.

use clap::Args;

use super::shared::StoreArgs;

/// `cmhook clear`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook clear
  cmhook clear --yes --store ./deliveries.db

Ids go on from where they were. Without a terminal to ask on, `--yes` is needed.

Exit codes: 0 when the store is empty, 1 when the answer was no, 2 for a mistake in the
arguments.")]
pub struct ClearArgs {
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,
}
