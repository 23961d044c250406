//! Senders that are slow, too many, too large, gone, or hostile; readers that do not read.
//! Whatever they do, the others are served, memory and descriptors stay within bounds, and
//! nothing that was acknowledged is missing.
//!
//! Times and sizes that are asserted are bounds that must hold on any machine; what was
//! measured is printed (`-- --nocapture`).

#![cfg(target_os = "linux")]

mod answers;
mod crowd;
mod descriptors;
mod hang_ups;
mod hostile;
mod http2;
mod large;
mod readers;
mod slow;
mod soak;

#[path = "../support/mod.rs"]
mod support;
mod vitals;
