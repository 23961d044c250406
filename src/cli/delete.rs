//! `cmhook delete`.

use clap::Args;

/// `cmhook delete`.
#[derive(Debug, Args)]
pub struct DeleteArgs {}
