//! `cmhook verify`.

use std::path::Path;

use super::Outcome;
use crate::cli::VerifyArgs;

pub(super) fn run(args: &VerifyArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
