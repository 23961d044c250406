//! The public server that agents connect to.

pub mod acme;
pub mod book;
pub mod data;
mod db;
pub mod id;
pub mod names;
pub mod queue;
pub mod tls;
pub mod tokens;
