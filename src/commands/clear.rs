//! `cmhook clear`.

use std::path::Path;

use super::Outcome;
use crate::cli::ClearArgs;

pub(super) fn run(args: &ClearArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
