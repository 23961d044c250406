//! `cmhook export`.

use clap::Args;

/// `cmhook export`.
#[derive(Debug, Args)]
pub struct ExportArgs {}
