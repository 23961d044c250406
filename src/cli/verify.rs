//! `cmhook verify`.

use clap::Args;

/// `cmhook verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {}
