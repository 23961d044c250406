//! `cmhook replay`.

use clap::Args;

/// `cmhook replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {}
