//! `cmhook sign`.

use std::io::{self, Write as _};
use std::path::Path;

use super::setup::{Setup, meant, with_secrets};
use super::{Outcome, body_input};
use crate::cakemail::event;
use crate::capture::again::secret_for;
use crate::cli::{SignArgs, StoreArgs};
use crate::config::ConfigError;
use crate::delivery::escape_for_terminal;

pub(super) fn run(args: &SignArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    // No store is needed, so one that is configured is not looked at either.
    let setup = Setup::read(config, &StoreArgs { store: None }, |raw| {
        with_secrets(raw, &args.secrets);
    })?;
    let known = &setup.settings.secrets;
    let (given, _) = meant(known, &args.secrets);
    if given.is_empty() {
        return Err(no_secret("sign").into());
    }
    let body = body_input::read(args.body.as_deref())?;
    let event = event::name_in(&body);
    let Some(secret) = secret_for(given, event.as_deref()) else {
        return Err(no_secret("sign").into());
    };
    if given.len() > 1 {
        let label = escape_for_terminal(secret.label());
        writeln!(
            io::stderr(),
            "Signed with the secret `{label}`, one of {} that are known.",
            given.len()
        )?;
    }
    let value = secret.sign(args.scheme, &body);
    let mut out = io::stdout().lock();
    if args.value {
        writeln!(out, "{value}")?;
    } else {
        writeln!(out, "{}: {value}", args.scheme.header())?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// There is nothing to sign or verify with.
pub(super) fn no_secret(what: &str) -> ConfigError {
    ConfigError {
        message: format!("no secret is known to {what} with"),
        hint: "give the webhook's with `--secret S`, `--secret-file FILE` or CMHOOK_SECRET, or under [[secrets]] in the configuration file".into(),
    }
}
