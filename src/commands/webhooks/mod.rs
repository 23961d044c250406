//! `cmhook webhooks`.

use std::path::Path;

use super::Outcome;
use crate::cli::WebhooksCommand;

pub(super) fn run(_: &WebhooksCommand, _: Option<&Path>) -> anyhow::Result<Outcome> {
    anyhow::bail!("this is not there yet")
}
