//! `cmhook import`.

use clap::Args;

/// `cmhook import`.
#[derive(Debug, Args)]
pub struct ImportArgs {}
