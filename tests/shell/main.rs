//! Commands on kept deliveries, through the built binary.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod circle;
mod delete;
mod diff;
mod export;
mod import;
mod kit;
mod list;
mod mark;
mod replay;
mod show;
mod sign;
mod trigger;
mod verify;
