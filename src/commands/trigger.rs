//! `cmhook trigger`.

use std::path::Path;

use super::Outcome;
use crate::cli::TriggerArgs;

pub(super) fn run(args: &TriggerArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
