//! A screen without a terminal: what a user would see of a model, as text.

pub(in crate::tui) mod stage;
