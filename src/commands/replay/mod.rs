//! `cmhook replay`.

use std::path::Path;

use super::Outcome;
use crate::cli::ReplayArgs;

pub(super) fn run(args: &ReplayArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
