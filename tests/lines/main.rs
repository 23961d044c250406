//! What is shown and what must not leak: the lines for people and for scripts, what a
//! stranger's bytes and a user's secrets do to them, and how they end. Every byte that the
//! binary writes is looked at, so nothing here is read as text before it was searched.

#![cfg(unix)]

mod captured;
mod escapes;
mod json;
mod masked;
mod mistakes;
mod people;
mod pipes;
mod ports;
mod secrets;
mod signatures;
#[path = "../support/mod.rs"]
mod support;
mod terminal;
