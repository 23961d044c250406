//! `cmhook mark`.

use clap::Args;

use super::shared::{SelectArgs, StoreArgs};

/// `cmhook mark`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook mark last
  cmhook mark --filter 'event:email.bounced status:5xx'
  cmhook list --filter is:marked
  cmhook mark 40..50 --remove

Exit codes: 0 when they are marked, 1 when nothing matched, 2 for a mistake in the arguments.")]
pub struct MarkArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub select: SelectArgs,

    /// Take the mark away
    #[arg(long)]
    pub remove: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub store: StoreArgs,
}
