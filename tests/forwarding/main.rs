//! How a delivery is handed to an app and what its sender gets to hear: apps that are down,
//! hang, break off or close their connections, and everything that `listen` can be told
//! about whom to ask and what to answer.

#![cfg(unix)]

mod addresses;
mod answers;
mod broken;
mod certificates;
mod down;
mod hanging;
mod large;
mod own_port;
mod policy;
mod requests;
#[path = "../support/mod.rs"]
mod support;

use serde_json::Value;
use support::listener::Listener;

/// A listener without a store that forwards there.
#[track_caller]
fn listening(target: &str, arguments: &[&str]) -> Listener {
    let all = [&["--ephemeral", "--forward", target], arguments].concat();
    Listener::start(&all)
}

/// The next delivery's attempt, which must have failed in that way.
#[track_caller]
fn failure(listener: &mut Listener, code: &str) -> Value {
    let delivery = listener.delivery();
    let attempt = listener.attempt(&delivery);
    assert_eq!(attempt["outcome"], "failed", "{attempt}");
    assert_eq!(attempt["error"]["code"], code, "{attempt}");
    assert_eq!(attempt["status"], Value::Null, "{attempt}");
    assert_eq!(attempt["response"], Value::Null, "{attempt}");
    attempt["error"].clone()
}

/// The text of a member.
#[track_caller]
fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    let text = value[member].as_str();
    text.unwrap_or_else(|| panic!("no text `{member}` in {value}"))
}
