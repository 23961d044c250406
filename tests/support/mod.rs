//! What the end-to-end tests share: the built binary as a child process, senders, and an
//! upstream that remembers what reached it. Every test binary uses a part of it.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod document;
pub mod hostile;
pub mod listener;
pub mod needs;
pub mod process;
pub mod raw;
pub mod relay;
pub mod sample;
pub mod sandbox;
pub mod sender;
pub mod small_disk;
pub mod upstream;
