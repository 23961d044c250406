//! What is sent in which order and when, before anything is.

use std::time::Duration;

use jiff::Timestamp;

use crate::cli::PaceArgs;
use crate::commands::rate::interval;
use crate::config::ConfigError;

/// Answers that are waited for at once where the pace is given.
const PACED: u32 = 64;

/// One item that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    /// Its place among the items.
    pub(super) item: usize,
    /// 1 for the first time.
    pub(super) round: u32,
    /// When, counted from the start.
    pub(super) at: Duration,
}

/// When what comes next is due.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// As soon as there is room.
    AtOnce,
    /// So long after the one before.
    Every(Duration),
    /// As they came, so many times as fast.
    AsItCame(f64),
}

/// How to go about it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Plan {
    times: u32,
    shuffle: Option<u64>,
    pace: Pace,
    /// Answers that are waited for at once.
    pub(super) concurrency: usize,
}

impl Plan {
    /// From the flags.
    ///
    /// # Errors
    /// At a rate or speed that is none.
    pub(super) fn read(args: &PaceArgs) -> Result<Self, ConfigError> {
        let pace = match (&args.rate, &args.paced) {
            (Some(text), _) => Pace::Every(interval(text)?),
            (_, Some(text)) => Pace::AsItCame(speed(text)?),
            (None, None) => Pace::AtOnce,
        };
        let usual = if pace == Pace::AtOnce { 1 } else { PACED };
        let concurrency = args.concurrency.unwrap_or(usual);
        Ok(Self {
            times: args.times,
            shuffle: args.shuffle,
            pace,
            concurrency: usize::try_from(concurrency).unwrap_or(usize::MAX),
        })
    }

    /// The jobs in the order in which they are due, for items that came at these times.
    pub(super) fn jobs(&self, came: &[Timestamp]) -> Vec<Job> {
        let mut order: Vec<usize> = (0..came.len()).collect();
        if let Pace::AsItCame(_) = self.pace {
            order.sort_by_key(|item| came[*item]);
        }
        let rounds = (1..=self.times).flat_map(|round| {
            order.iter().map(move |item| Job {
                item: *item,
                round,
                at: Duration::ZERO,
            })
        });
        let mut jobs: Vec<Job> = rounds.collect();
        if let Some(seed) = self.shuffle {
            shuffle(&mut jobs, seed);
        }
        match self.pace {
            Pace::AtOnce => {}
            Pace::Every(interval) => {
                let mut at = Duration::ZERO;
                for job in &mut jobs {
                    job.at = at;
                    at = at.saturating_add(interval);
                }
            }
            Pace::AsItCame(speed) => as_it_came(&mut jobs, came, speed),
        }
        jobs
    }

    /// Whether a job that is late may be followed by the next at once.
    pub(super) const fn catches_up(&self) -> bool {
        !matches!(self.pace, Pace::Every(_))
    }
}

/// Each round begins as long after the last delivery of the one before as its second comes
/// after its first.
fn as_it_came(jobs: &mut [Job], came: &[Timestamp], speed: f64) {
    let mut at = Duration::ZERO;
    let mut before: Option<Timestamp> = None;
    for job in jobs {
        let now = came[job.item];
        let passed = before.map(|before| now.duration_since(before));
        // What is negative is the step back to the first of the next round.
        let passed = passed.and_then(|passed| Duration::try_from(passed).ok());
        let passed = passed.unwrap_or_default().as_secs_f64() / speed;
        at = at.saturating_add(Duration::try_from_secs_f64(passed).unwrap_or(Duration::MAX));
        job.at = at;
        before = Some(now);
    }
}

/// The same order for the same seed, everywhere: Fisher and Yates with SplitMix64 (Steele,
/// Lea, Flood 2014).
fn shuffle(jobs: &mut [Job], seed: u64) {
    let mut state = seed;
    let mut random = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    for last in (1..jobs.len()).rev() {
        let among = u64::try_from(last).unwrap_or(u64::MAX) + 1;
        let other = usize::try_from(random() % among).unwrap_or(last);
        jobs.swap(last, other);
    }
}

/// `×10`, `x10`, `10x` or `10`.
fn speed(text: &str) -> Result<f64, ConfigError> {
    let number = text.trim().trim_matches(['×', 'x', 'X']);
    let speed = number.parse::<f64>().ok();
    speed
        .filter(|speed| speed.is_finite() && *speed > 0.0)
        .ok_or_else(|| ConfigError {
            message: format!("`--paced={}` is no speed", text.escape_debug()),
            hint: "write it as `--paced`, or `--paced=10` for ten times as fast".into(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plan(times: u32, shuffle: Option<u64>, pace: Pace) -> Plan {
        Plan {
            times,
            shuffle,
            pace,
            concurrency: 1,
        }
    }

    fn at(seconds: &[i64]) -> Vec<Timestamp> {
        let times = seconds.iter().map(|s| Timestamp::from_second(*s).unwrap());
        times.collect()
    }

    fn shown(jobs: &[Job]) -> Vec<(usize, u32, f64)> {
        let shown = jobs
            .iter()
            .map(|job| (job.item, job.round, job.at.as_secs_f64()));
        shown.collect()
    }

    #[test]
    fn rounds_follow_each_other() {
        let jobs = plan(2, None, Pace::AtOnce).jobs(&at(&[5, 1]));
        assert_eq!(
            shown(&jobs),
            [(0, 1, 0.0), (1, 1, 0.0), (0, 2, 0.0), (1, 2, 0.0)]
        );
        let jobs = plan(2, None, Pace::Every(Duration::from_millis(20))).jobs(&at(&[0, 0]));
        let times: Vec<_> = jobs.iter().map(|job| job.at.as_millis()).collect();
        assert_eq!(times, [0, 20, 40, 60]);
    }

    #[test]
    fn a_pace_keeps_what_was_between_them() {
        let jobs = plan(2, None, Pace::AsItCame(2.0)).jobs(&at(&[110, 100, 104]));
        assert_eq!(
            shown(&jobs),
            [
                (1, 1, 0.0),
                (2, 1, 2.0),
                (0, 1, 5.0),
                (1, 2, 5.0),
                (2, 2, 7.0),
                (0, 2, 10.0)
            ]
        );
        assert!(plan(3, None, Pace::AsItCame(1.0)).jobs(&[]).is_empty());
    }

    #[test]
    fn the_same_seed_mixes_in_the_same_way() {
        let came = at(&[0; 20]);
        let mixed = |seed| plan(1, Some(seed), Pace::AtOnce).jobs(&came);
        assert_eq!(mixed(7), mixed(7));
        assert_ne!(mixed(7), mixed(8));
        let order: Vec<_> = mixed(7)[..5].iter().map(|job| job.item).collect();
        // For ever: a seed stands in scripts.
        assert_eq!(order, [4, 1, 2, 15, 16]);
        let mut items: Vec<_> = mixed(7).iter().map(|job| job.item).collect();
        items.sort_unstable();
        assert_eq!(items, (0..20).collect::<Vec<_>>());
    }

    #[test]
    fn rates_and_speeds_are_read() {
        for (text, ms) in [
            ("50/s", 20),
            ("50", 20),
            ("300/m", 200),
            ("0.5/s", 2000),
            ("3600/h", 1000),
        ] {
            assert_eq!(interval(text).unwrap().as_millis(), ms, "{text}");
        }
        for (text, speed_) in [("1", 1.0), ("×10", 10.0), ("x0.5", 0.5), ("3x", 3.0)] {
            assert!((speed(text).unwrap() - speed_).abs() < 1e-9, "{text}");
        }
        for text in ["", "0", "-1", "x", "5/y", "inf", "nan"] {
            assert!(interval(text).is_err(), "{text}");
            assert!(speed(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn jobs_are_due_in_their_order(
            came in prop::collection::vec(-1_000_000i64..1_000_000, 0..20),
            times in 1u32..4,
            speed in 0.001f64..1000.0,
        ) {
            let jobs = plan(times, None, Pace::AsItCame(speed)).jobs(&at(&came));
            prop_assert_eq!(jobs.len(), came.len() * times as usize);
            prop_assert!(jobs.is_sorted_by_key(|job| job.at));
        }
    }
}
