//! HTTP helpers that every side shares.

pub mod body;
pub mod client;
pub mod headers;
pub mod line;
pub mod pool;
pub mod port_owner;
mod socket;
pub mod stall;
pub mod tls;
