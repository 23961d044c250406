//! What is known of a connection while it lives, and how to end it from outside.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_util::sync::CancellationToken;

/// Why one end ends a connection (RFC 6455 section 7.4; those from 4000 on are cmhook's own).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The code.
    pub code: u16,
    /// In words, 123 bytes at most.
    pub reason: String,
}

impl Farewell {
    /// The relay or the agent is done.
    pub const GOING_AWAY: u16 = 1001;
    /// The other end does not keep to the protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// Text came, where all is binary.
    pub const UNSUPPORTED: u16 = 1003;
    /// Too many control frames.
    pub const POLICY: u16 = 1008;
    /// A message was larger than any that an honest end sends.
    pub const TOO_BIG: u16 = 1009;
    /// The relay restarts: come again.
    pub const RESTART: u16 = 1012;
    /// Another agent has taken the name.
    pub const TAKEN_OVER: u16 = 4001;
    /// The token is valid no longer.
    pub const REVOKED: u16 = 4003;
    /// The token is, and has the name no longer.
    pub const RELEASED: u16 = 4004;

    /// One with these words, cut to what fits.
    pub fn new(code: u16, reason: impl Into<String>) -> Self {
        let mut reason = reason.into();
        reason.truncate(reason.floor_char_boundary(123));
        Self { code, reason }
    }
}

impl From<&Farewell> for CloseFrame {
    fn from(farewell: &Farewell) -> Self {
        Self {
            code: CloseCode::from(farewell.code),
            reason: farewell.reason.as_str().into(),
        }
    }
}

#[derive(Debug)]
struct State {
    heard_at: Instant,
    round_trip: Option<Duration>,
    has_sent: bool,
    // What this end is to say, and what the other end has said.
    to_say: Option<Farewell>,
    said: Option<Farewell>,
}

/// A handle on a connection; clones are of one.
#[derive(Debug, Clone)]
pub struct Pulse {
    state: Arc<Mutex<State>>,
    closing: CancellationToken,
}

impl Default for Pulse {
    fn default() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                heard_at: Instant::now(),
                round_trip: None,
                has_sent: false,
                to_say: None,
                said: None,
            })),
            closing: CancellationToken::new(),
        }
    }
}

impl Pulse {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection with these words; the first ones count.
    pub fn close(&self, farewell: Farewell) {
        self.state().to_say.get_or_insert(farewell);
        self.closing.cancel();
    }

    /// From the last ping to its answer; `None` until one has come.
    pub fn round_trip(&self) -> Option<Duration> {
        self.state().round_trip
    }

    /// How long nothing has come from the other end.
    pub fn silence(&self) -> Duration {
        self.state().heard_at.elapsed()
    }

    /// Whether data has come from the other end, and not only signs of life.
    pub fn has_sent(&self) -> bool {
        self.state().has_sent
    }

    /// What the other end has said at the end.
    pub fn said(&self) -> Option<Farewell> {
        self.state().said.clone()
    }

    pub(super) const fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    pub(super) fn sent(&self) {
        self.state().has_sent = true;
    }

    pub(super) fn to_say(&self) -> Option<Farewell> {
        self.state().to_say.clone()
    }

    pub(super) fn hear(&self) {
        self.state().heard_at = Instant::now();
    }

    pub(super) fn measured(&self, round_trip: Duration) {
        self.state().round_trip = Some(round_trip);
    }

    pub(super) fn heard_farewell(&self, frame: Option<&CloseFrame>) {
        let said = frame.map(|frame| Farewell::new(frame.code.into(), frame.reason.as_str()));
        self.state().said = said;
    }
}
