//! The commands that are said, as they can be typed.

use std::sync::Arc;

use super::ledger::look::{archived, registered_by};
use super::ledger::steps::Owner;
use crate::commands::api;
use crate::commands::setup::Setup;
use crate::config::{AccountSettings, command};
use crate::delivery::Registration;
use crate::http::line::is_loopback;
use crate::inspector::Running;

/// The command that archives these.
pub(super) fn archive_command(owner: &Owner, ids: &[&str]) -> String {
    owner.command(&[&["webhooks", "archive"], ids].concat())
}

/// The command that shows the keys, for whoever has to tell them to an app.
pub(in crate::commands) fn keys_command(settings: &AccountSettings) -> String {
    let flags = settings.flags();
    let words = ["webhooks", "list", "--show-secrets"].into_iter();
    let words: Vec<&str> = words.chain(flags.iter().map(String::as_str)).collect();
    command(&words)
}

/// The webhooks of a running listener, which other commands know from its file.
pub(in crate::commands) fn webhooks_of(running: &Running) -> Arc<[Arc<Registration>]> {
    registered_by(running.pid)
        .into_iter()
        .map(Arc::new)
        .collect()
}

/// The same of the listener on the store of a command, or else those that earlier ones have
/// archived.
pub(in crate::commands) fn registered_for(setup: &Setup) -> Arc<[Arc<Registration>]> {
    let running = api::find(setup.settings.store.path.as_deref());
    let webhooks = running.map(|running| webhooks_of(&running));
    match webhooks.filter(|webhooks| !webhooks.is_empty()) {
        Some(webhooks) => webhooks,
        None => archived().into_iter().map(Arc::new).collect(),
    }
}

/// What sends a sample that is signed with a registered webhook's key.
pub(in crate::commands) fn signed_sample(one: &Registration) -> String {
    let test = one.command(&["webhooks", "test", &one.id]);
    let test = format!("`{test}` sends a sample that is signed with such a key");
    let mut flags = one.flags.iter().skip_while(|flag| **flag != "--api");
    let api = flags.nth(1).and_then(|api| api.parse().ok());
    if !api.is_some_and(|api| is_loopback(&api)) {
        return test;
    }
    let fire = one.command(&["sandbox", "fire", &one.event]);
    format!("{test}, and `{fire}` has the sandbox send one")
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
