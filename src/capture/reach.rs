//! Whether the target can be reached.

use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::controls::Controls;
use super::forward::Forwarder;
use crate::delivery::Failure;

/// What is known of the first target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Whether it takes connections.
    pub state: ReachState,
    /// Since when that is so.
    pub since: Timestamp,
}

/// Whether a target takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachState {
    /// Nobody has tried.
    Unknown,
    /// It does.
    Up,
    /// It does not, and why.
    Down(Failure),
}

/// Watches the first target until `stop`.
pub fn watch(
    _controls: Controls,
    _forwarder: Arc<Forwarder>,
    stop: CancellationToken,
) -> watch::Receiver<Reach> {
    let (tell, reach) = watch::channel(Reach {
        state: ReachState::Unknown,
        since: Timestamp::now(),
    });
    tokio::spawn(async move {
        stop.cancelled().await;
        drop(tell);
    });
    reach
}
