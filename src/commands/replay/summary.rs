//! What came of a whole run.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::drive::Sent;
use super::expect::Miss;
use super::items::Item;
use crate::delivery::Outcome;
use crate::delivery::words::took;

/// What is remembered of an attempt.
#[derive(Debug)]
pub(super) struct Record {
    /// `#42`, or the file's name.
    pub(super) label: String,
    /// The event's name, or else method and path.
    pub(super) name: String,
    /// 1 for the first time.
    pub(super) round: u32,
    /// How long it took.
    pub(super) took: Duration,
    /// The status, or the failure's code and message.
    pub(super) ended: Result<u16, (&'static str, String)>,
    /// Which expectations it missed.
    pub(super) missed: Vec<String>,
}

impl Record {
    pub(super) fn of(item: &Item, sent: &Sent, missed: &[Miss]) -> Self {
        Self {
            label: item.label.clone(),
            name: item.name(),
            round: sent.job.round,
            took: sent.attempt.took,
            ended: match &sent.attempt.outcome {
                Outcome::Answered(answer) => Ok(answer.status),
                Outcome::Failed(failure) => Err((failure.code.name(), failure.message.to_string())),
            },
            missed: missed.iter().map(|miss| miss.message.clone()).collect(),
        }
    }
}

/// The figures.
#[derive(Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename = "summary")]
pub(super) struct Summary {
    /// Attempts that were to be made.
    planned: usize,
    /// Those that were made.
    sent: usize,
    /// Those that were answered.
    answered: usize,
    /// Those that were not.
    failed: usize,
    /// Those that missed an expectation.
    missed: usize,
    /// Answers by their status.
    statuses: BTreeMap<u16, usize>,
    /// Failures by their code.
    errors: BTreeMap<&'static str, usize>,
    /// Of the answered ones.
    p50_ms: Option<f64>,
    p95_ms: Option<f64>,
    max_ms: Option<f64>,
    /// Of the whole run.
    took_ms: f64,
}

impl Summary {
    pub(super) fn of(records: &[Record], planned: usize, took: Duration) -> Self {
        let mut statuses = BTreeMap::new();
        let mut errors = BTreeMap::new();
        let mut times = Vec::new();
        for record in records {
            match &record.ended {
                Ok(status) => {
                    *statuses.entry(*status).or_default() += 1;
                    times.push(record.took);
                }
                Err((code, _)) => *errors.entry(*code).or_default() += 1,
            }
        }
        times.sort_unstable();
        let at = |percent| percentile(&times, percent).map(milliseconds);
        Self {
            planned,
            sent: records.len(),
            answered: times.len(),
            failed: records.len() - times.len(),
            missed: records.iter().filter(|r| !r.missed.is_empty()).count(),
            statuses,
            errors,
            p50_ms: at(50),
            p95_ms: at(95),
            max_ms: at(100),
            took_ms: milliseconds(took),
        }
    }

    /// Whether everything went as it was expected; where nothing was, whether all was
    /// answered.
    pub(super) const fn is_fine(&self, expects: bool) -> bool {
        self.sent == self.planned && self.missed == 0 && (expects || self.failed == 0)
    }

    /// In words, a line each.
    pub(super) fn lines(&self, run: Duration, records: &[Record]) -> Vec<String> {
        let mut outcomes: Vec<String> = Vec::new();
        let statuses = self.statuses.iter();
        outcomes.extend(statuses.map(|(status, count)| format!("{count} × {status}")));
        let errors = self.errors.iter();
        outcomes.extend(errors.map(|(code, count)| format!("{count} × {code}")));
        let of = if self.sent == self.planned {
            String::new()
        } else {
            format!(" of {}", self.planned)
        };
        let mut first = format!("{}{of} sent in {}", self.sent, took(run));
        if !outcomes.is_empty() {
            first.push_str(": ");
            first.push_str(&outcomes.join(", "));
        }
        let mut lines = vec![first];
        let mut times: Vec<_> = records
            .iter()
            .filter(|r| r.ended.is_ok())
            .map(|r| r.took)
            .collect();
        times.sort_unstable();
        if let [.., max] = times[..] {
            let at = |percent| took(percentile(&times, percent).unwrap_or(max));
            lines.push(format!("p50 {}, p95 {}, max {}", at(50), at(95), took(max)));
        }
        if self.missed > 0 {
            let what = if self.missed == 1 { "is" } else { "are" };
            lines.push(format!("{} {what} not as expected", self.missed));
        }
        lines
    }
}

/// The least of the sorted times that so many in a hundred do not exceed.
fn percentile(sorted: &[Duration], percent: usize) -> Option<Duration> {
    let rank = (sorted.len() * percent).div_ceil(100);
    sorted.get(rank.max(1) - 1).copied()
}

/// To the microsecond.
pub(super) fn milliseconds(duration: Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for the first 285 years")]
    let ms = duration.as_micros() as f64 / 1000.0;
    ms
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ms: u64, ended: Result<u16, (&'static str, String)>, missed: &[&str]) -> Record {
        Record {
            label: "#1".into(),
            name: "email.sent".into(),
            round: 1,
            took: Duration::from_millis(ms),
            ended,
            missed: missed.iter().map(|m| (*m).to_owned()).collect(),
        }
    }

    #[test]
    fn figures_are_counted() {
        let records = vec![
            record(30, Ok(200), &[]),
            record(10, Ok(200), &[]),
            record(20, Ok(500), &["expected 2xx, got 500"]),
            record(900, Err(("timeout", "no".into())), &[]),
        ];
        let run = Duration::from_millis(960);
        let summary = Summary::of(&records, 5, run);
        assert_eq!(
            (
                summary.sent,
                summary.answered,
                summary.failed,
                summary.missed
            ),
            (4, 3, 1, 1)
        );
        assert_eq!((summary.p50_ms, summary.max_ms), (Some(20.0), Some(30.0)));
        assert_eq!(
            summary.lines(run, &records),
            [
                "4 of 5 sent in 960ms: 2 × 200, 1 × 500, 1 × timeout",
                "p50 20ms, p95 30ms, max 30ms",
                "1 is not as expected"
            ]
        );
        assert!(!summary.is_fine(true));
        let none = Summary::of(&[], 0, Duration::ZERO);
        assert_eq!(none.lines(Duration::ZERO, &[]), ["0 sent in <1ms"]);
        assert!(none.is_fine(false));
    }

    #[test]
    fn ranks_are_the_nearest() {
        let times: Vec<_> = (1..=100).map(Duration::from_millis).collect();
        assert_eq!(percentile(&times, 50), Some(Duration::from_millis(50)));
        assert_eq!(percentile(&times, 95), Some(Duration::from_millis(95)));
        assert_eq!(percentile(&times[..1], 50), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50), None);
    }
}
