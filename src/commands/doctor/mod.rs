//! `cmhook doctor`.

use std::path::Path;

use super::Outcome;
use crate::cli::DoctorArgs;

pub(super) fn run(_: &DoctorArgs, _: Option<&Path>) -> anyhow::Result<Outcome> {
    anyhow::bail!("this is not there yet")
}
