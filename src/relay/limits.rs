//! How much one tunnel may take: so many deliveries a second, and so many at one time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::answer::Reason;

/// The limits of each tunnel.
#[derive(Debug, Clone, Copy)]
pub struct PerTunnel {
    /// Deliveries a second, over some seconds.
    pub rate: u32,
    /// Deliveries at one time.
    pub at_once: usize,
}

/// A bucket holds what may come at once after a quiet while.
const BURST: Duration = Duration::from_secs(2);
/// Buckets over this many are looked through for those that nobody uses.
const MANY: usize = 10_000;

/// A delivery's place among those that are under way; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place(#[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit);

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
    places: Arc<Semaphore>,
}

/// What each tunnel takes.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: PerTunnel,
    buckets: Mutex<HashMap<Box<str>, Bucket>>,
}

impl Limiter {
    pub(super) fn new(limits: PerTunnel) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
        }
    }

    /// A place for one more delivery of this tunnel.
    pub(super) fn admit(&self, name: &str) -> Result<Place, Reason> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(name) {
            if buckets.len() >= MANY {
                buckets.retain(|_, bucket| bucket.is_used(self.limits));
            }
            buckets.insert(name.into(), Bucket::new(self.limits));
        }
        let Some(bucket) = buckets.get_mut(name) else {
            return Err(Reason::Busy);
        };
        if !bucket.take(self.limits) {
            return Err(Reason::RateLimited);
        }
        let place = Arc::clone(&bucket.places).try_acquire_owned();
        place.map(Place).map_err(|_| Reason::TooManyAtOnce)
    }
}

impl Bucket {
    fn new(limits: PerTunnel) -> Self {
        Self {
            tokens: most(limits),
            filled_at: Instant::now(),
            places: Arc::new(Semaphore::new(limits.at_once)),
        }
    }

    fn take(&mut self, limits: PerTunnel) -> bool {
        let now = Instant::now();
        let since = now.duration_since(self.filled_at).as_secs_f64();
        self.filled_at = now;
        self.tokens = f64::from(limits.rate)
            .mul_add(since, self.tokens)
            .min(most(limits));
        let has_one = self.tokens >= 1.0;
        if has_one {
            self.tokens -= 1.0;
        }
        has_one
    }

    fn is_used(&self, limits: PerTunnel) -> bool {
        self.filled_at.elapsed() < BURST || self.places.available_permits() < limits.at_once
    }
}

fn most(limits: PerTunnel) -> f64 {
    (f64::from(limits.rate) * BURST.as_secs_f64()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_gets_its_rate_and_no_other_less() {
        let limiter = Limiter::new(PerTunnel {
            rate: 10,
            at_once: 100,
        });
        let count = |name| (0..100).filter(|_| limiter.admit(name).is_ok()).count();
        assert_eq!(count("a"), 20, "a burst");
        assert_eq!(limiter.admit("a").unwrap_err(), Reason::RateLimited);
        assert_eq!(count("b"), 20, "another has its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(count("a"), 10);
    }

    #[tokio::test]
    async fn a_place_is_given_back() {
        let limiter = Limiter::new(PerTunnel {
            rate: 1000,
            at_once: 2,
        });
        let (one, _two) = (limiter.admit("a").unwrap(), limiter.admit("a").unwrap());
        assert_eq!(limiter.admit("a").unwrap_err(), Reason::TooManyAtOnce);
        drop(one);
        assert!(limiter.admit("a").is_ok());
    }
}
