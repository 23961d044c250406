//! `cmhook trigger`.

use clap::Args;

/// `cmhook trigger`.
#[derive(Debug, Args)]
pub struct TriggerArgs {}
