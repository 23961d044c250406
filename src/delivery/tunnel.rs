//! The way in from a public URL, as the faces see it.

use std::time::Duration;

use jiff::Timestamp;

/// A listener's tunnel to a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tunnel {
    /// The relay's URL.
    pub relay: String,
    /// Where the world reaches this listener; `None` until the relay has said so.
    pub public_url: Option<String>,
    /// How it is doing.
    pub phase: Phase,
    /// Since when.
    pub since: Timestamp,
}

/// How a tunnel is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// The first connection is being made.
    Connecting,
    /// Deliveries arrive through it.
    Online {
        /// From a ping to its answer, the last time; `None` until one has come.
        round_trip: Option<Duration>,
        /// Deliveries that waited at the relay when it came online.
        waiting: u64,
    },
    /// It is broken, and is tried again.
    Reconnecting {
        /// How many tries have failed since it was online last.
        attempt: u32,
        /// When it is tried next; `None` while it is being tried.
        next_at: Option<Timestamp>,
        /// What is wrong, without a final period.
        reason: String,
        /// What to do about it; may be empty.
        hint: String,
    },
    /// The relay said no.
    Refused {
        /// What kind of no, for programs.
        code: String,
        /// Why, without a final period.
        reason: String,
        /// What to do about it; may be empty.
        hint: String,
        /// When it is tried again; `None` where that is up to the user.
        next_at: Option<Timestamp>,
    },
}

impl Phase {
    /// The word for it in JSON.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Online { .. } => "online",
            Self::Reconnecting { .. } => "reconnecting",
            Self::Refused { .. } => "refused",
        }
    }

    /// Whether somebody has to look at it.
    pub const fn is_trouble(&self) -> bool {
        matches!(self, Self::Reconnecting { .. } | Self::Refused { .. })
    }
}
