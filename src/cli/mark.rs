//! `cmhook mark`.

use clap::Args;

/// `cmhook mark`.
#[derive(Debug, Args)]
pub struct MarkArgs {}
