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
        /// How many tries have failed since it was online last; 0 where none has been made.
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

impl Tunnel {
    /// Whether this says more than another round-trip time, or that the next try has begun.
    pub fn is_news_after(&self, before: Option<&Self>) -> bool {
        let tries = matches!(self.phase, Phase::Reconnecting { next_at: None, .. });
        let told = |one: &Self| {
            let mut one = one.clone();
            match &mut one.phase {
                Phase::Online { round_trip, .. } => *round_trip = None,
                Phase::Reconnecting { next_at, .. } if tries => *next_at = None,
                _ => {}
            }
            one
        };
        before.is_none_or(|before| told(self) != told(before))
    }

    /// The public URL while deliveries arrive through it.
    pub fn open_url(&self) -> Option<&str> {
        let online = matches!(self.phase, Phase::Online { .. });
        self.public_url.as_deref().filter(|_| online)
    }
}

impl Phase {
    /// When it is tried next, where that is known.
    pub const fn next_at(&self) -> Option<Timestamp> {
        match self {
            Self::Reconnecting { next_at, .. } | Self::Refused { next_at, .. } => *next_at,
            Self::Connecting | Self::Online { .. } => None,
        }
    }

    /// What is wrong and what to do about it, which may be empty.
    pub fn trouble(&self) -> Option<(&str, &str)> {
        match self {
            Self::Reconnecting { reason, hint, .. } | Self::Refused { reason, hint, .. } => {
                Some((reason, hint))
            }
            Self::Connecting | Self::Online { .. } => None,
        }
    }

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_trip_is_no_news_and_all_else_is() {
        let online = |round_trip, waiting| Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: Some("https://shop.hooks.example.com".into()),
            phase: Phase::Online {
                round_trip,
                waiting,
            },
            since: Timestamp::UNIX_EPOCH,
        };
        let first = online(None, 0);
        assert!(first.is_news_after(None));
        let later = online(Some(Duration::from_millis(23)), 0);
        assert!(!later.is_news_after(Some(&first)));
        assert!(online(None, 1).is_news_after(Some(&first)));
        let mut moved = later.clone();
        moved.public_url = None;
        assert!(moved.is_news_after(Some(&later)));
        assert_eq!(later.open_url(), Some("https://shop.hooks.example.com"));
        moved = later.clone();
        moved.phase = Phase::Connecting;
        assert!(moved.is_news_after(Some(&later)));
        assert_eq!(moved.open_url(), None);
    }

    #[test]
    fn a_failed_try_is_news_and_the_next_one_is_not_until_it_has_failed() {
        let lost = |attempt, next_at| Tunnel {
            relay: "https://hooks.example.com".into(),
            public_url: None,
            phase: Phase::Reconnecting {
                attempt,
                next_at,
                reason: "no route".into(),
                hint: String::new(),
            },
            since: Timestamp::UNIX_EPOCH,
        };
        let waits = lost(1, Some(Timestamp::UNIX_EPOCH));
        let tries = lost(1, None);
        assert!(!tries.is_news_after(Some(&waits)));
        assert!(lost(2, Some(Timestamp::UNIX_EPOCH)).is_news_after(Some(&tries)));
        assert!(lost(1, Some(Timestamp::UNIX_EPOCH)).is_news_after(Some(&tries)));
        assert!(lost(2, None).is_news_after(Some(&waits)));
    }
}
