//! How the listener is doing, as the header says it.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::Timestamp;

use crate::delivery::{Counts, Registration, Tunnel};

/// Seconds of the sparkline.
const BEATS: usize = 60;

/// What changes while the listener runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// What has happened since the start.
    pub(super) counts: Counts,
    /// Deliveries in the ring.
    pub(super) kept: usize,
    /// Where deliveries go, the first one's answer counts; empty where they are only kept.
    pub(super) targets: Vec<String>,
    /// What every delivery is answered without being forwarded (`--status`).
    pub(super) answers: Option<u16>,
    /// Labels of the secrets that are known.
    pub(super) secrets: Vec<String>,
    /// Whether forwarding is paused.
    pub(super) paused: bool,
    /// Whether the first target can be reached right now.
    pub(super) reach: Reach,
    /// The way in from a public URL, where one is wanted.
    pub(super) tunnel: Option<Arc<Tunnel>>,
    /// A public URL that is the user's own.
    pub(super) own_url: Option<String>,
    /// The webhooks that were made at Cakemail.
    pub(super) registered: Arc<[Arc<Registration>]>,
    /// Forwards under way.
    pub(super) in_flight: usize,
    /// Whether the store cannot be written.
    pub(super) failing: bool,
}

impl Status {
    /// The public URL, where there is one: while the tunnel is broken, too.
    pub(super) fn public_url(&self) -> Option<&str> {
        let tunnel = self.tunnel.as_ref();
        let own = self.own_url.as_deref();
        own.or_else(|| tunnel?.public_url.as_deref())
    }
}

/// Whether the first target can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reach {
    /// Nobody has tried yet, or there is no target.
    Unknown,
    /// It takes connections.
    Up,
    /// It does not, since when and why, and what to do.
    Down {
        since: Timestamp,
        message: String,
        hint: String,
    },
}

impl Default for Status {
    fn default() -> Self {
        Self {
            counts: Counts::default(),
            kept: 0,
            targets: Vec::new(),
            answers: None,
            secrets: Vec::new(),
            paused: false,
            reach: Reach::Unknown,
            tunnel: None,
            own_url: None,
            registered: Arc::default(),
            in_flight: 0,
            failing: false,
        }
    }
}

/// Deliveries in each of the last 60 seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Beat {
    /// The Unix second that the last count is of.
    second: i64,
    counts: VecDeque<u64>,
}

impl Beat {
    /// Counts one that came in at this time.
    pub(super) fn add(&mut self, at: Timestamp) {
        self.go_on(at);
        // One that came in a moment before the clock was last looked at counts as now.
        if let Some(last) = self.counts.back_mut() {
            *last += 1;
        }
    }

    /// Moves on to this time.
    pub(super) fn go_on(&mut self, now: Timestamp) {
        let second = now.as_second();
        let ahead = usize::try_from(second - self.second).unwrap_or(0);
        if self.counts.is_empty() || ahead > BEATS {
            self.counts = VecDeque::from(vec![0; BEATS]);
            self.second = second;
            return;
        }
        for _ in 0..ahead {
            self.counts.pop_front();
            self.counts.push_back(0);
        }
        self.second = self.second.max(second);
    }

    /// The counts, oldest first.
    pub(super) fn counts(&self) -> impl ExactSizeIterator<Item = u64> {
        self.counts.iter().copied()
    }

    /// Whether nothing came in within the last minute.
    pub(super) fn is_still(&self) -> bool {
        self.counts.iter().all(|count| *count == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_minute_is_remembered() {
        let mut beat = Beat::default();
        for second in [100, 100, 101, 103, 102] {
            beat.add(at(second));
        }
        let last = |beat: &Beat| beat.counts().skip(BEATS - 4).collect::<Vec<_>>();
        assert_eq!(last(&beat), [2, 1, 0, 2]);
        beat.go_on(at(105));
        assert_eq!(last(&beat), [0, 2, 0, 0]);
        assert!(!beat.is_still());
        beat.go_on(at(164));
        assert!(beat.is_still());
        beat.go_on(at(10_000));
        assert_eq!(beat.counts().len(), BEATS);
    }
}
