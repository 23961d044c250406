//! What cmhook is about: a [`Delivery`] that came in, the [`Verdict`] on its
//! signature and the [`Attempt`]s to hand it to an app.
//!
//! Everything here is plain data. No clock is read and nothing is sent, so that
//! every face and every test sees the same values.

mod attempt;
mod command;
mod headers;
mod kept;
mod notice;
mod registration;
mod relayed;
mod text;
mod tunnel;
mod verdict;
pub mod words;

pub use attempt::{Answer, Attempt, Cause, Failure, FailureCode, Outcome};
pub use command::{command, shell_words};
pub use headers::{Headers, value_text};
pub use kept::Kept;
pub use notice::{Answerer, Counts, Notice, OwnAnswer, Refusal, RefusalCode, Warning};
pub use registration::Registration;
pub use relayed::Relayed;
pub use text::{escape_for_terminal, escape_json_for_terminal, is_unsafe_on_terminal};
pub use tunnel::{Phase, Tunnel};
pub use verdict::{Scheme, Verdict};

use bytes::Bytes;
use jiff::Timestamp;

/// One HTTP request that reached cmhook, byte for byte. Never changed after it is
/// recorded, but for its verdict: with a secret that is added later it is made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Grows by one, starts at 1, never reused within a store. Shown as `#42`.
    pub id: u64,
    /// What arrived and what was found out about it.
    pub request: Received,
}

/// A delivery before the store has given it an id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received {
    /// When the last byte of the body was in.
    pub received_at: Timestamp,
    /// Address of the sender's socket, `ip:port`.
    pub peer: Box<str>,
    /// The method as it was sent, of any kind.
    pub method: Box<str>,
    /// Path and query, undecoded.
    pub path_and_query: Box<str>,
    /// End-to-end and hop-by-hop headers, in order of arrival per name.
    pub headers: Headers,
    /// The body, after chunked framing was taken off and nothing else.
    pub body: Bytes,
    /// The value of `event` at the top of a JSON payload, as it was written.
    pub event: Option<Box<str>>,
    /// What verification says, with the secrets that were known last.
    pub verdict: Verdict,
    /// The delivery that this one is an edited copy of. `None` for what came from a sender.
    pub original: Option<u64>,
    /// What the relay said of it, where it came through one.
    pub relayed: Option<Box<Relayed>>,
}

impl Received {
    /// The path without its query.
    pub fn path(&self) -> &str {
        self.path_and_query
            .split_once('?')
            .map_or(&*self.path_and_query, |(path, _)| path)
    }

    /// When it came in at a relay, where it had to wait there.
    pub fn queued_at(&self) -> Option<Timestamp> {
        self.relayed.as_ref()?.queued_at
    }

    /// The query without its question mark; `None` where there is none.
    pub fn query(&self) -> Option<&str> {
        self.path_and_query.split_once('?').map(|(_, query)| query)
    }

    /// Bytes that this takes in memory, near enough to bound the ring by.
    pub fn weight(&self) -> usize {
        // Two heap blocks' bookkeeping, the struct itself and its small strings.
        const FIXED: usize = 256;
        FIXED
            + self.body.len()
            + self.headers.as_bytes().len()
            + self.path_and_query.len()
            + self.event.as_deref().map_or(0, str::len)
            + self.relayed.as_deref().map_or(0, Relayed::weight)
    }
}
