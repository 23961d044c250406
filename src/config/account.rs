//! The Cakemail account whose webhooks are managed.

use http::Uri;
use http::uri::Scheme;

use super::ConfigError;
use super::server::{Server, presentable, server_url, shown_url};
use crate::http::line::is_loopback;

/// Cakemail's own API. Source: its API reference.
pub const DEFAULT_API: &str = "https://api.cakemail.dev";

/// Which account, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountSettings {
    /// The API's base URL, `https`, or `http` on this machine.
    pub api: Uri,
    /// The account's number, for whoever has several; `None` takes the user's own.
    pub account: Option<u64>,
}

impl AccountSettings {
    /// What another command needs to ask the same account: flags for what is not usual.
    pub fn flags(&self) -> Vec<String> {
        account_flags(&shown_url(&self.api), self.account)
    }
}

/// The same of a URL as it is shown.
pub fn account_flags(api: &str, account: Option<u64>) -> Vec<String> {
    let mut flags = Vec::new();
    if api != DEFAULT_API {
        flags.extend(["--api".to_owned(), api.to_owned()]);
    }
    if let Some(account) = account {
        flags.extend(["--account".to_owned(), account.to_string()]);
    }
    flags
}

pub(super) fn collect(
    api: Option<&str>,
    account: Option<u64>,
) -> Result<AccountSettings, ConfigError> {
    let text = api.map(str::trim).filter(|text| !text.is_empty());
    Ok(AccountSettings {
        api: api_url(text.unwrap_or(DEFAULT_API))?,
        account,
    })
}

/// What a user writes for the API: a URL, or a host, which means https unless it is this
/// machine.
///
/// # Errors
/// Where it is no such URL, or tokens would go over the network in the clear.
pub fn api_url(text: &str) -> Result<Uri, ConfigError> {
    let server = Server {
        is: "the URL of an API",
        example: "write it as `https://api.cakemail.dev`, or for a sandbox `http://127.0.0.1:4500`",
        user: "log in with `cmhook login`, or set CAKEMAIL_ACCESS_TOKEN",
    };
    let url = server_url(text, server)?;
    if url.scheme() == Some(&Scheme::HTTP) && !is_loopback(&url) {
        return Err(ConfigError::new(
            format!(
                "`--api {}` would send passwords and tokens over the network in the clear",
                presentable(text)
            ),
            "use `https://`; plain HTTP is for a sandbox on this machine",
        ));
    }
    Ok(url)
}
