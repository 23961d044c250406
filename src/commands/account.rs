//! The account that commands work on.

use std::io::{self, Write as _};
use std::path::Path;

use super::sandbox;
use super::setup::color;
use super::signals;
use crate::account::{Api, Credentials, Trouble};
use crate::cli::{AccountArgs, ColorArgs};
use crate::config::{self, AccountSettings, Color, ConfigError, Raw};
use crate::delivery::escape_for_terminal;

/// Which account is meant, by the flags, the environment and the files.
///
/// # Errors
/// At the first setting that cannot be used.
pub(super) fn settings(
    args: &AccountArgs,
    config: Option<&Path>,
) -> Result<AccountSettings, ConfigError> {
    let none = ColorArgs { color: None };
    settings_and_color(args, &none, config).map(|(settings, _)| settings)
}

/// The same, and when to colour.
///
/// # Errors
/// As [`settings`].
pub(super) fn settings_and_color(
    args: &AccountArgs,
    with: &ColorArgs,
    config: Option<&Path>,
) -> Result<(AccountSettings, Color), ConfigError> {
    let raw = Raw {
        // Only a listener has one, and what is wrong with it is no matter of theirs.
        relay: Some(String::new()),
        public_url: Some(String::new()),
        register: Some(false),
        api: args.api.clone(),
        account: args.account,
        color: with.color.map(color),
        ..Raw::default()
    };
    let settings = config::resolve(raw, config::load(config)?)?;
    Ok((settings.account, settings.output.color))
}

/// What to do about it. Where nobody is logged in, a sandbox that runs is there to be asked.
pub fn hint_of(trouble: &Trouble) -> String {
    if let Trouble::NoCredentials { half: None, .. } = trouble
        && let Some(url) = sandbox::running()
    {
        return format!(
            "run `cmhook login`, or set CAKEMAIL_ACCESS_TOKEN; the sandbox that runs here is asked with `--api {url}`"
        );
    }
    trouble.hint()
}

/// A client for it, with what opens it. Nothing is asked yet.
///
/// # Errors
/// Where a setting cannot be used, or nothing opens the account.
pub(super) fn api(args: &AccountArgs, config: Option<&Path>) -> anyhow::Result<Api> {
    let settings = settings(args, config)?;
    let credentials = Credentials::find(&settings.api)?;
    Ok(client(&settings, credentials))
}

/// A client that says on standard error what should be known.
pub(super) fn client(settings: &AccountSettings, credentials: Credentials) -> Api {
    if matches!(credentials, Credentials::Login(_)) {
        signals::wait_for_renewals();
    }
    Api::new(settings, credentials).telling(|text| {
        // It may be closed.
        let _ = writeln!(io::stderr(), "warning: {}", escape_for_terminal(text));
    })
}
