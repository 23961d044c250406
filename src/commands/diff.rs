//! `cmhook diff`.

use std::path::Path;

use super::Outcome;
use crate::cli::DiffArgs;

pub(super) fn run(args: &DiffArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
