//! The public server that agents connect to.
//!
//! A sender's request comes in at the public side ([`serve`]), finds its tunnel by its host
//! or path, and goes through the connection of the agent that has that name ([`agents`]),
//! or waits for one on the disk ([`queue`]). Where agents are and what waits for them are two
//! modules that know nothing of each other; only [`deliver`] knows both.

pub mod acme;
mod agents;
mod answer;
mod arrived;
mod asked;
mod blame;
pub mod book;
mod carrier;
pub mod data;
mod db;
mod deliver;
mod forwarded;
mod handshake;
pub mod id;
mod ingress;
mod itself;
mod limits;
mod metrics;
pub mod names;
mod operations;
mod pace;
mod protocol;
pub mod queue;
mod refusals;
mod route;
mod serve;
mod socket;
mod strict;
pub mod tls;
pub mod tokens;

pub use limits::PerTunnel;
pub use route::{Domain, UrlStyle};
pub use serve::{Options, Relay, Sockets, bind};
