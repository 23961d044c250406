//! The main job: a delivery comes in through a listener, is verified and kept, goes to
//! the app, and its sender is answered.

pub mod again;
pub mod answer;
mod behind;
mod examiner;
pub mod failure;
pub mod forward;
pub mod intake;
pub mod listener;
mod paced;
mod plan;
mod refusal;
mod unstoppable;
mod wire_watch;
