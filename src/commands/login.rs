//! `cmhook login` and `cmhook logout`.

use std::path::Path;

use super::Outcome;
use crate::cli::{LoginArgs, LogoutArgs};

pub(super) fn login(_: &LoginArgs, _: Option<&Path>) -> anyhow::Result<Outcome> {
    anyhow::bail!("this is not there yet")
}

pub(super) fn logout(_: &LogoutArgs, _: Option<&Path>) -> anyhow::Result<Outcome> {
    anyhow::bail!("this is not there yet")
}
