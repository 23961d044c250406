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

use std::process::Command;

use serde_json::Value;
use support::listener::Listener;

/// A listener without a store that forwards there.
#[track_caller]
fn listening(target: &str, arguments: &[&str]) -> Listener {
    let all = [&["--ephemeral", "--forward", target], arguments].concat();
    Listener::start(&all)
}

/// `unshare` with a namespace of its own for each of these; `None` where that is not to be
/// had, which fails only where a program is missing that should be there.
fn unshared(namespaces: &[&str]) -> Option<Command> {
    let all = [&["--user", "--map-root-user"], namespaces].concat();
    let tried = Command::new("unshare").args(&all).arg("true").output();
    let line = match tried {
        Ok(output) if output.status.success() => {
            let mut command = Command::new("unshare");
            command.args(&all);
            return Some(command);
        }
        Ok(_) => "skipped: needs leave to make namespaces",
        Err(_) => {
            let required = std::env::var_os("CMHOOK_TESTS_REQUIRE_ALL").is_some_and(|v| v == "1");
            assert!(!required, "unshare is missing (run ./tests/run)");
            "skipped: needs unshare (run ./tests/run)"
        }
    };
    eprintln!("{line}");
    None
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
