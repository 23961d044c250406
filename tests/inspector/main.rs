//! The web inspector in a real browser, with a real app behind the listener.

#![cfg(unix)]

mod browser;
mod devtools;
mod driver;
mod keys;
#[path = "../support/mod.rs"]
mod support;
#[allow(dead_code, reason = "the tests of the page are yet to come")]
mod tab;
