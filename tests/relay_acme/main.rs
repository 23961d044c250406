//! Certificates from an ACME authority: pebble, the one that Let's Encrypt tests with.

#![cfg(unix)]

#[path = "../support/needs.rs"]
mod needs;

mod authority;
mod host;
mod issued;
mod renewed;
mod served;
