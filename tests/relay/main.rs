//! A relay and its agents, both real processes: a sender's request reaches the app behind
//! the tunnel, and what could not be handed on at once waits.

#[path = "../support/mod.rs"]
mod support;

#[allow(dead_code, reason = "the other tests of exhaustion use the rest")]
#[path = "../exhaustion/crowd.rs"]
mod crowd;
mod new_token;
#[allow(dead_code, reason = "the other tests of exhaustion use the rest")]
#[path = "../exhaustion/vitals.rs"]
mod vitals;

mod bodies;
mod doubles;
mod fidelity;
mod hang_ups;
mod hostile_agent;
mod http2;
mod limits;
mod log;
mod names;
mod round;
mod scene;
mod smuggling;
mod start;
mod told;
mod versions;
mod wrong_places;
