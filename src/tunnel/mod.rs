//! The agent's end of a tunnel: how a listener gets a public URL.
//!
//! [`run`] connects out to a relay, serves what comes through, and connects again when the
//! connection is lost. What a delivery is and what becomes of it is not its matter: it is
//! handed a function that answers requests.

mod advice;
mod agent;
mod backoff;
mod connect;
mod failure;
mod holder;
mod scheme;
mod serve;

pub use agent::run;
pub use connect::{About, Asking, ask};
pub use failure::Refused;
pub use serve::Delivered;
