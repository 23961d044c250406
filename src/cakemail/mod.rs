//! What is particular to Cakemail: how it signs, what it calls its events, what its
//! deliveries look like, and how integrations get its signatures wrong.

pub mod diagnosis;
pub mod event;
pub mod explained;
pub mod manual_only;
pub mod sample;
pub mod sandbox;
mod serializer;
pub mod signature;
pub mod traps;
pub mod verify;
pub mod webhook;
