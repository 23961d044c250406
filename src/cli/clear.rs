//! `cmhook clear`.

use clap::Args;

/// `cmhook clear`.
#[derive(Debug, Args)]
pub struct ClearArgs {}
