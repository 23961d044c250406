//! Commands on kept deliveries, through the built binary.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod api;
mod circle;
mod delete;
mod diff;
mod document;
mod export;
mod har;
mod import;
mod kit;
mod list;
mod mark;
mod relay;
mod replay;
mod replay_edits;
mod replay_expect;
mod replay_pace;
mod show;
mod sign;
mod trigger;
mod verify;
