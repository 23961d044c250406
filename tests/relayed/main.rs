//! What a relay hands on, over HTTP/2 through a pipe in memory, with a real app and a real
//! store: acknowledged only when it is kept, captured once, in its order.

#![cfg(unix)]

mod again;
mod kit;
mod live;
mod queued;
#[path = "../support/mod.rs"]
mod support;
