//! A relay and its agents, both real processes: a sender's request reaches the app behind
//! the tunnel, and what could not be handed on at once waits.

#[path = "../support/mod.rs"]
mod support;

mod bodies;
mod doubles;
mod fidelity;
mod names;
mod round;
mod scene;
mod smuggling;
mod versions;
