//! The web inspector's API as others see it: what it answers, whom it lets in, and what its
//! socket tells. `tests/inspector` has the page.

#![cfg(unix)]

#[path = "../support/mod.rs"]
mod support;

mod bytes;
mod document;
mod door;
mod examples;
mod guard;
mod kit;
mod live;
mod ngrok;
mod paging;
mod secrets;
mod session;
mod socket;
mod stalled;
