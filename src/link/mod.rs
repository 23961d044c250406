//! What an agent and a relay say to each other.
//!
//! An agent opens a WebSocket to the relay's [`PATH`]; its request says who it is and what
//! it wants, and the answer says what it got. Inside runs HTTP/2, the relay as the client:
//! each request on it is a delivery, with what the relay knows of it in fields whose names
//! begin with [`PREFIX`].

mod gathered;
pub mod http2;
pub mod names;
mod pulse;
mod stream;

pub use gathered::{Flushing, Gathered, gathered};
pub use pulse::{Farewell, Pulse};
pub use stream::{PING_EVERY, SILENCE, Stream, config};
