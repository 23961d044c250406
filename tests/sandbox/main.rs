//! `cmhook sandbox` as a process: its API, its deliveries, and what clients make of them.

#![cfg(unix)]

mod rest;
#[path = "../support/mod.rs"]
mod support;
