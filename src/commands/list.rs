//! `cmhook list`.

use std::path::Path;

use super::Outcome;
use crate::cli::ListArgs;

pub(super) fn run(args: &ListArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
