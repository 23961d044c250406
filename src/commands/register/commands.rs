//! The commands that are said, as they can be typed.

use super::ledger::steps::Owner;
use crate::config::{AccountSettings, DEFAULT_API, shown_url};

/// The command that archives these.
pub(super) fn archive_command(owner: &Owner, ids: &[&str]) -> String {
    let mut command = "cmhook webhooks archive".to_owned();
    for word in ids {
        command.push(' ');
        command.push_str(&quoted(word));
    }
    format!(
        "{command} --api {}{}",
        quoted(&owner.api),
        of(owner.account)
    )
}

/// The command that shows the keys, for whoever has to tell them to an app.
pub(in crate::commands) fn keys_command(settings: &AccountSettings) -> String {
    let mut command = "cmhook webhooks list --show-secrets".to_owned();
    let api = shown_url(&settings.api);
    if api != DEFAULT_API {
        command.push_str(" --api ");
        command.push_str(&quoted(&api));
    }
    command + &of(settings.account)
}

/// The flag for an account.
fn of(account: Option<u64>) -> String {
    account.map_or_else(String::new, |account| format!(" --account {account}"))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:[]".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) && !word.contains(['[', ']']) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_stays_one_in_a_shell() {
        for (word, shown) in [
            ("X1qRXqz1upM9", "X1qRXqz1upM9"),
            ("http://127.0.0.1:4500", "http://127.0.0.1:4500"),
            ("http://[::1]:4500", "'http://[::1]:4500'"),
            ("a b", "'a b'"),
            ("a'$(b)", r"'a'\''$(b)'"),
            ("", "''"),
        ] {
            assert_eq!(quoted(word), shown);
        }
    }

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
