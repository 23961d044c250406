//! How long to wait before the next try.

use std::time::Duration;

/// Why another try is needed, as far as it matters for when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lost {
    /// The relay went away. All its agents notice at the same time and are to come back one
    /// by one.
    Relay,
    /// It is not there; nobody else is known to wait for it.
    Absent,
    /// The network did: nobody else waits for it, and it may be back any moment.
    Network,
    /// The relay said no. It will most likely say so again.
    Refused,
}

/// Agents of a relay that restarts come back over this time. No second of it gets more than
/// a tenth of them, even by chance.
const SPREAD: Duration = Duration::from_secs(15);
/// Tries over a network that is down: the first within this, later ones within the second.
const SOON: Duration = Duration::from_millis(250);
const SOON_AT_MOST: Duration = Duration::from_secs(1);
/// The first try after one that found no relay is within this, later ones within [`SPREAD`].
const ABSENT: Duration = Duration::from_secs(1);
/// A refusal is asked about at most twice a minute.
const REFUSED: Duration = Duration::from_secs(35);
const REFUSED_SPREAD: Duration = Duration::from_secs(25);

/// Whoever answers in the place of a relay may ask for more time than this; nobody would see
/// the tunnel come back then.
const ASKED: Duration = Duration::from_mins(1);

/// The time that an answer asks for, in seconds.
pub(super) fn asked(seconds: u64) -> Duration {
    Duration::from_secs(seconds).min(ASKED)
}

/// How long a connection must have lasted for the waits after it to begin anew.
const STABLE: Duration = Duration::from_secs(10);

/// How often it was tried.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// In vain since it was online, as people count.
    pub(super) failed: u32,
    // Waits in a row, which grow: a connection that breaks at once does not end the row.
    waits: u32,
}

impl Tries {
    /// One was in vain.
    pub(super) const fn fail(&mut self) {
        self.failed = self.failed.saturating_add(1);
    }

    /// One was not.
    pub(super) const fn succeed(&mut self) {
        self.failed = 0;
    }

    /// The connection is lost after so long.
    pub(super) fn lose(&mut self, lasted: Duration) {
        if lasted >= STABLE {
            self.waits = 0;
        }
    }

    /// How long to wait before the next one.
    pub(super) fn wait(&mut self, lost: Lost) -> Duration {
        let delay = delay(lost, self.waits, chance());
        self.waits = self.waits.saturating_add(1);
        delay
    }
}

/// The time before try `attempt`, which counts from 0; `chance` is a random number from 0
/// to 1.
fn delay(lost: Lost, attempt: u32, chance: f64) -> Duration {
    let (least, spread) = match lost {
        Lost::Relay => (Duration::ZERO, SPREAD),
        Lost::Network => {
            let most = SOON.saturating_mul(1 << attempt.min(8));
            (Duration::ZERO, most.min(SOON_AT_MOST))
        }
        Lost::Absent => {
            let most = ABSENT.saturating_mul(1 << attempt.min(8));
            (Duration::ZERO, most.min(SPREAD))
        }
        Lost::Refused => (REFUSED, REFUSED_SPREAD),
    };
    least + spread.mul_f64(chance.clamp(0.0, 1.0))
}

/// A random number from 0 to 1.
fn chance() -> f64 {
    // Without random numbers all agents would come at once, half way.
    let number = getrandom::u32().unwrap_or(u32::MAX / 2);
    f64::from(number) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_wait_is_within_its_bounds(attempt in 0_u32.., chance in 0.0..=1.0) {
            prop_assert!(delay(Lost::Relay, attempt, chance) <= SPREAD);
            prop_assert!(delay(Lost::Absent, attempt, chance) <= SPREAD);
            prop_assert!(delay(Lost::Network, attempt, chance) <= SOON_AT_MOST);
            let refused = delay(Lost::Refused, attempt, chance);
            prop_assert!(refused >= Duration::from_secs(30));
        }
    }

    #[test]
    fn a_short_connection_ends_the_count_of_failures_and_not_the_row_of_waits() {
        let mut tries = Tries::default();
        let wait = |tries: &mut Tries| {
            tries.fail();
            tries.wait(Lost::Network);
        };
        wait(&mut tries);
        wait(&mut tries);
        assert_eq!((tries.failed, tries.waits), (2, 2));
        tries.succeed();
        tries.lose(Duration::from_secs(9));
        assert_eq!((tries.failed, tries.waits), (0, 2));
        wait(&mut tries);
        tries.succeed();
        tries.lose(STABLE);
        assert_eq!((tries.failed, tries.waits), (0, 0));
    }

    #[test]
    fn nobody_asks_for_more_than_a_minute() {
        let asked = [0, 7, 60, 86_400, u64::MAX].map(|seconds| asked(seconds).as_secs());
        assert_eq!(asked, [0, 7, 60, 60, 60]);
    }

    #[test]
    fn waits_over_a_dead_network_grow_and_stay_short() {
        let most = |attempt| delay(Lost::Network, attempt, 1.0).as_millis();
        assert_eq!([most(0), most(1), most(2), most(3)], [250, 500, 1000, 1000]);
        assert_eq!(most(u32::MAX), 1000);
    }

    #[test]
    fn a_restarted_relay_gets_its_agents_back_one_by_one() {
        let mut seconds = [0_u32; 16];
        for _ in 0..1000 {
            let delay = delay(Lost::Relay, 0, chance());
            seconds[usize::try_from(delay.as_secs()).unwrap()] += 1;
        }
        assert!(seconds.iter().all(|count| *count <= 105), "{seconds:?}");
    }
}
