//! `cmhook sign`.

use std::path::Path;

use super::Outcome;
use crate::cli::SignArgs;

pub(super) fn run(args: &SignArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
