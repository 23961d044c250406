//! `cmhook diff`.

use clap::Args;

/// `cmhook diff`.
#[derive(Debug, Args)]
pub struct DiffArgs {}
