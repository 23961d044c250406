//! A screen without a terminal: what a user would see of a model, as text.

mod dialogs;
mod frames;
mod registered;
pub(in crate::tui) mod stage;
mod tunnel;
