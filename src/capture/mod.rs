//! The main job: a delivery comes in through a listener, is verified and kept, goes to
//! the app, and its sender is answered.

mod add_secret;
pub mod again;
mod again_error;
pub mod answer;
pub mod asked;
mod backlog;
mod behind;
mod belief;
pub mod canary;
mod clock;
pub mod controls;
mod examiner;
pub mod failure;
pub mod forward;
mod forwarded;
pub mod intake;
pub mod listener;
pub mod own_port;
mod paced;
pub mod peer;
mod plan;
pub mod reach;
mod receive;
mod refusal;
pub mod rejudge;
mod relayed;
mod start;
pub mod targets;
pub mod trigger;
mod unstoppable;
mod wire_watch;
