//! `cmhook import`.

use std::path::Path;

use super::Outcome;
use crate::cli::ImportArgs;

pub(super) fn run(args: &ImportArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
