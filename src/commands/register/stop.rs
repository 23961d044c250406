//! A stop that is asked for while webhooks are being made.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Whether a stop was asked for, and when.
#[derive(Debug, Clone)]
pub(in crate::commands) struct Stop(watch::Sender<Option<Instant>>);

impl Stop {
    /// None is asked for yet.
    pub(in crate::commands) fn new() -> Self {
        Self(watch::Sender::new(None))
    }

    /// Asks for it.
    pub(in crate::commands) fn ask(&self) {
        self.0.send_modify(|at| {
            at.get_or_insert_with(Instant::now);
        });
    }

    pub(super) fn at(&self) -> Option<Instant> {
        *self.0.borrow()
    }

    pub(super) fn is_asked(&self) -> bool {
        self.at().is_some()
    }

    /// Waits until it was asked for so long ago.
    pub(super) async fn since(&self, long: Duration) {
        let mut told = self.0.subscribe();
        let asked = told.wait_for(Option::is_some).await;
        let at = asked.ok().and_then(|at| *at);
        if let Some(at) = at {
            sleep_until(at + long).await;
        }
    }

    /// Waits until it is asked for.
    pub(super) async fn asked(&self) {
        self.since(Duration::ZERO).await;
    }
}
