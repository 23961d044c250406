//! What a sender sends is what the app gets and what is kept, and what the app answers is
//! what the sender gets: byte for byte, but for what HTTP says ends at each hop. A signature
//! over bytes forgives nothing, so neither do these tests: both ends are mostly raw sockets.

#![cfg(unix)]

mod answers;
mod bodies;
mod headers;
mod http2;
mod refusals;
#[path = "../support/mod.rs"]
mod support;
mod targets;
