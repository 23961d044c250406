//! `cmhook sandbox` as a process: its API, its deliveries, and what clients make of them.

#![cfg(unix)]

mod client;
mod commands;
mod engine;
mod faults;
mod hostile;
mod kit;
mod logins;
mod mistakes;
mod rest;
mod sdk;
mod state;
#[path = "../support/mod.rs"]
mod support;
mod survive;
