//! `cmhook show`.

use clap::Args;

/// `cmhook show`.
#[derive(Debug, Args)]
pub struct ShowArgs {}
