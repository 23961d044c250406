//! `cmhook delete`.

use clap::Args;

use super::shared::{SelectArgs, StoreArgs};

/// `cmhook delete`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook delete 42
  cmhook delete 40..50
  cmhook delete --filter 'is:failed before:1d' --yes

A delivery's attempts go with it. Ids are never used again. Without a terminal to ask on,
`--yes` is needed.

Exit codes: 0 when they are deleted, 1 when nothing matched or the answer was no, 2 for a
mistake in the arguments.")]
pub struct DeleteArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub select: SelectArgs,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,
}
