//! `cmhook list`.

use clap::Args;

/// `cmhook list`.
#[derive(Debug, Args)]
pub struct ListArgs {}
