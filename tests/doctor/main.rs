//! `cmhook doctor`, through the built binary: a set-up that works, and each thing that can be
//! wrong with one, made wrong for real.

#![cfg(unix)]

mod account;
mod app;
mod deliveries;
mod kit;
mod machine;
mod public;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
mod webhooks;
