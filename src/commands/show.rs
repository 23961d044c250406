//! `cmhook show`.

use std::path::Path;

use super::Outcome;
use crate::cli::ShowArgs;

pub(super) fn run(args: &ShowArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
