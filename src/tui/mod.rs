//! The screen: what is delivered, as it comes in, with all that can be done with it.
//!
//! `Model` is what is known and how it is looked at, `update` changes it by what happens and
//! says what is to be done, `view` draws it. Nothing in here owns a truth: deliveries are the
//! store's, and what is done is done by the same parts that serve senders.

#![allow(dead_code)] // until the screen is wired up

mod content;
pub mod terminal;
mod text;
