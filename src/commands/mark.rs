//! `cmhook mark`.

use std::path::Path;

use super::Outcome;
use crate::cli::MarkArgs;

pub(super) fn run(args: &MarkArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
