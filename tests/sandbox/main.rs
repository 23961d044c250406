//! `cmhook sandbox` as a process: its API, its deliveries, and what clients make of them.

#![cfg(unix)]

mod commands;
mod engine;
mod faults;
mod kit;
mod logins;
mod mistakes;
mod rest;
mod sdk;
#[path = "../support/mod.rs"]
mod support;
mod survive;
