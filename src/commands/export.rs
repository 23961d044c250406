//! `cmhook export`.

use std::path::Path;

use super::Outcome;
use crate::cli::ExportArgs;

pub(super) fn run(args: &ExportArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
