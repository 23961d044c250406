//! The screen in a real pseudo-terminal: what is seen, what keys do, and that the terminal is
//! given back whatever happens.

#![cfg(unix)]

mod acting;
mod editor;
mod filter;
mod given_back;
mod inspect;
mod jobs;
mod kit;
mod lines;
mod looks;
mod registered;
mod replay;
mod resizes;
mod scene;
mod stalled;
mod strangers;
#[path = "../support/mod.rs"]
mod support;
mod taking;
