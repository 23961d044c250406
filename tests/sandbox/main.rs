//! `cmhook sandbox` as a process: its API, its deliveries, and what clients make of them.

#![cfg(unix)]

mod commands;
mod engine;
mod faults;
mod rest;
mod sdk;
#[path = "../support/mod.rs"]
mod support;
