//! What a relay keeps, over deaths of the relay.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod kills;
