//! `cmhook delete`.

use std::path::Path;

use super::Outcome;
use crate::cli::DeleteArgs;

pub(super) fn run(args: &DeleteArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let _ = (args, config);
    anyhow::bail!("not there yet")
}
