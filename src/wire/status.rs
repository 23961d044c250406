//! What a running listener says of itself.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::{Message, RegistrationObject, Stopped, TunnelObject, in_milliseconds};

/// A running listener.
#[derive(Debug, Serialize)]
pub struct Status<'a> {
    /// [`VERSION`](super::VERSION).
    pub v: u32,
    /// cmhook's own version.
    pub version: &'a str,
    /// The process.
    pub pid: u32,
    /// Where deliveries arrive.
    pub url: &'a str,
    /// Where they arrive from elsewhere, at `--public-url` or while a tunnel is online.
    pub public_url: Option<&'a str>,
    /// The webhooks that were made for it.
    pub registered: Vec<RegistrationObject<'a>>,
    /// The way in from a public URL, where one is wanted.
    pub tunnel: Option<TunnelObject<'a>>,
    /// Every target, those of `--route` included.
    pub targets: &'a [String],
    /// The first target, and whether it takes connections.
    pub target: Option<TargetObject<'a>>,
    /// Whether deliveries are kept and not forwarded.
    pub paused: bool,
    /// The labels of the secrets.
    pub secrets: Vec<&'a str>,
    /// The journal's file.
    pub store: Option<&'a str>,
    /// How many deliveries are kept.
    pub kept: usize,
    /// The oldest of them.
    pub oldest: Option<u64>,
    /// What has happened since the start, as `stopped` says it.
    pub counts: Stopped,
    /// How long the app takes.
    pub latency: Latency,
    /// What was found out at the start and should be known, and what is wrong now.
    pub warnings: Vec<Message<'a>>,
}

/// A target.
#[derive(Debug, Serialize)]
pub struct TargetObject<'a> {
    /// The whole URL.
    pub url: &'a str,
    /// `reachable`, `unreachable`, or `unknown` where nobody has tried.
    pub state: &'static str,
    /// Since when; `None` where it is unknown.
    pub since: Option<Timestamp>,
    /// Why it is unreachable.
    pub reason: Option<&'a str>,
    /// What to do about it; may be empty.
    pub hint: Option<&'a str>,
}

/// Percentiles of how long the newest attempts took that were answered, by nearest rank.
#[derive(Debug, Default, Serialize)]
pub struct Latency {
    count: usize,
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    p99_ms: Option<f64>,
}

impl Latency {
    /// Of these times, in any order.
    pub fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let count = times.len();
        let at = |percent: usize| {
            let rank = (count * percent).div_ceil(100).max(1);
            times.get(rank - 1).copied().map(in_milliseconds)
        };
        Self {
            count,
            p50_ms: at(50),
            p95_ms: at(95),
            p99_ms: at(99),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(ms: impl IntoIterator<Item = u64>) -> [Option<f64>; 3] {
        let latency = Latency::of(ms.into_iter().map(Duration::from_millis).collect());
        [latency.p50_ms, latency.p95_ms, latency.p99_ms]
    }

    #[test]
    fn percentiles_are_times_that_were_taken() {
        assert_eq!(of([]), [None; 3]);
        assert_eq!(of([7]), [Some(7.0); 3]);
        assert_eq!(of((1..=200).rev()), [Some(100.0), Some(190.0), Some(198.0)]);
        assert_eq!(of([1, 9]), [Some(1.0), Some(9.0), Some(9.0)]);
    }
}
