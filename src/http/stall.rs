//! Peers that do not read what is written to them.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

/// How long a peer may take nothing of what is written to it.
pub const TAKES_WITHIN: Duration = Duration::from_secs(30);

/// Ends writes to a peer that takes nothing. hyper has no limit on how long an answer may
/// take to be written.
#[derive(Debug, Default)]
pub struct Stall(
    // Runs while the peer takes nothing.
    Option<Pin<Box<Sleep>>>,
);

impl Stall {
    /// What came of a write, or an error where nothing could be written for too long.
    pub fn in_time(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.0 = None;
            return written;
        }
        let stalled = self.0.get_or_insert_with(|| Box::pin(sleep(TAKES_WITHIN)));
        stalled.as_mut().poll(cx).map(|()| {
            let why = "the sender does not read its answer";
            Err(io::Error::new(io::ErrorKind::TimedOut, why))
        })
    }
}
