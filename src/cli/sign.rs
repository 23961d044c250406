//! `cmhook sign`.

use clap::Args;

/// `cmhook sign`.
#[derive(Debug, Args)]
pub struct SignArgs {}
