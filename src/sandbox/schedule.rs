//! When a delivery that failed is tried again.

use std::fmt;
use std::time::Duration;

/// Seconds before each retry where nothing else was said: doubled each time, so that the last
/// of nine tries comes about 42 minutes after the first.
const USUAL: [u64; 8] = [10, 20, 40, 80, 160, 320, 640, 1280];

/// How long to wait before each retry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule(Vec<Duration>);

impl Default for Schedule {
    fn default() -> Self {
        Self(USUAL.map(Duration::from_secs).to_vec())
    }
}

impl Schedule {
    /// Of these waits; without any there are no retries.
    pub const fn new(waits: Vec<Duration>) -> Self {
        Self(waits)
    }

    /// The same a thousand times as fast.
    pub fn fast(self) -> Self {
        let waits = self.0.into_iter();
        Self(
            waits
                .map(|wait| (wait / 1000).max(Duration::from_millis(1)))
                .collect(),
        )
    }

    /// The wait after the `n`th try has failed, in milliseconds; `None` where it was the last.
    pub(super) fn after(&self, n: u32) -> Option<i64> {
        let at = usize::try_from(n.checked_sub(1)?).ok()?;
        let wait = self.0.get(at)?;
        Some(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is tried again.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, wait) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            f.write_str(&said(*wait))?;
        }
        Ok(())
    }
}

/// `10s`, as it is written in a schedule.
pub fn said(wait: Duration) -> String {
    match wait.as_millis() {
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1000 == 0 => format!("{}s", ms / 1000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_and_come_to_an_end() {
        let usual = Schedule::default();
        assert_eq!(usual.after(1), Some(10_000));
        assert_eq!(usual.after(2), Some(20_000));
        assert_eq!(usual.after(8), Some(1_280_000));
        assert_eq!((usual.after(9), usual.after(0)), (None, None));
        assert_eq!(
            usual.to_string(),
            "10s, 20s, 40s, 80s, 160s, 320s, 640s, 1280s"
        );
        let fast = usual.fast();
        assert_eq!(fast.after(1), Some(10));
        assert_eq!(fast.after(8), Some(1280));
        assert_eq!(Schedule::new(Vec::new()).after(1), None);
        let own = Schedule::new(vec![Duration::from_mins(10), Duration::from_millis(5)]);
        assert_eq!(own.to_string(), "10m, 5ms");
    }
}
