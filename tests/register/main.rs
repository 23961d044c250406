//! `cmhook listen --register` as a process, with a real sandbox, relay and app.

#![cfg(unix)]

mod advice;
#[allow(dead_code, reason = "only one of its handlers is wanted here")]
#[path = "../handlers/apps.rs"]
mod apps;
mod between;
mod kills;
mod kit;
mod logins;
mod mistakes;
mod reuse;
mod round;
mod slow;
mod stops;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod torn;
mod ways;
