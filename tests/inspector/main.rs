//! The web inspector in a real browser, with a real app behind the listener.

#![cfg(unix)]

mod axe;
mod browser;
mod devtools;
mod driver;
mod hostile_page;
mod keyboard;
mod keys;
mod kit;
mod offline;
mod page;
mod pictures;
mod rows;
#[path = "../support/mod.rs"]
mod support;
mod tab;
mod tunnel;
mod xss;
