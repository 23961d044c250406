//! A screen without a terminal: what a user would see of a model, as text.

mod dialogs;
pub(in crate::tui) mod stage;
