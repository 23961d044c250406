//! The commands that are said, as they can be typed.

use super::ledger::steps::Owner;
use crate::config::{AccountSettings, DEFAULT_API, command, shown_url};

/// The command that archives these.
pub(super) fn archive_command(owner: &Owner, ids: &[&str]) -> String {
    owner.command(&[&["webhooks", "archive"], ids].concat())
}

/// The command that shows the keys, for whoever has to tell them to an app.
pub(in crate::commands) fn keys_command(settings: &AccountSettings) -> String {
    let (api, account) = (shown_url(&settings.api), settings.account);
    let account = account.map(|account| account.to_string());
    let mut words = vec!["webhooks", "list", "--show-secrets"];
    if api != DEFAULT_API {
        words.extend(["--api", &api]);
    }
    if let Some(account) = &account {
        words.extend(["--account", account]);
    }
    command(&words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_for_keys_says_what_is_not_usual() {
        let keys = |api: &str, account| {
            let api = api.parse().unwrap();
            keys_command(&AccountSettings { api, account })
        };
        let plain = "cmhook webhooks list --show-secrets";
        assert_eq!(keys("https://api.cakemail.dev", None), plain);
        let whole = format!("{plain} --api http://127.0.0.1:4500 --account 7");
        assert_eq!(keys("http://127.0.0.1:4500", Some(7)), whole);
    }
}
