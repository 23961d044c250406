//! A screen without a terminal: what a user would see of a model, as text.

mod dialogs;
mod frames;
pub(in crate::tui) mod stage;
mod tunnel;
