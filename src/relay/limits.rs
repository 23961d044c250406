//! How much one tunnel may take: so many deliveries a second, and so many at one time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use super::answer::Reason;
use super::strict::MAX_HEAD;
use crate::http::body::Budget;

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
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
    memory: Arc<Budget>,
}

impl Place {
    /// The tunnel's share of the memory for bodies.
    pub(super) const fn memory(&self) -> &Arc<Budget> {
        &self.memory
    }
}

/// Memory for the bodies of all tunnels, and how much of it one of them may take.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) all: Arc<Budget>,
    pub(super) each: usize,
}

impl Memory {
    /// As much as there is for bodies none of which is larger than this. Whoever knows the URL
    /// of one tunnel can use up what that may take.
    pub(super) fn for_bodies_up_to(largest: usize) -> Self {
        const BODIES: usize = 256 << 20;
        let all = BODIES.max(largest.saturating_mul(2));
        Self {
            all: Budget::of(all),
            each: (all / 4).max(largest.saturating_add(2 * MAX_HEAD)),
        }
    }
}

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    filled_at: Instant,
    places: Arc<Semaphore>,
    memory: Arc<Budget>,
}

/// What each tunnel takes.
#[derive(Debug)]
pub(super) struct Limiter {
    limits: PerTunnel,
    memory: Memory,
    buckets: Mutex<HashMap<Box<str>, Bucket>>,
}

impl Limiter {
    pub(super) fn new(limits: PerTunnel, memory: Memory) -> Self {
        Self {
            limits,
            memory,
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
            buckets.insert(name.into(), Bucket::new(self.limits, &self.memory));
        }
        let Some(bucket) = buckets.get_mut(name) else {
            return Err(Reason::Busy);
        };
        if !bucket.take(self.limits) {
            return Err(Reason::RateLimited);
        }
        let place = Arc::clone(&bucket.places).try_acquire_owned();
        let permit = place.map_err(|_| Reason::TooManyAtOnce)?;
        Ok(Place {
            _permit: permit,
            memory: Arc::clone(&bucket.memory),
        })
    }
}

impl Bucket {
    fn new(limits: PerTunnel, memory: &Memory) -> Self {
        Self {
            memory: memory.all.share(memory.each),
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
        self.filled_at.elapsed() < BURST
            || self.places.available_permits() < limits.at_once
            || Arc::strong_count(&self.memory) > 1
    }
}

fn most(limits: PerTunnel) -> f64 {
    (f64::from(limits.rate) * BURST.as_secs_f64()).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::body::Reservation;

    fn limiter(rate: u32, at_once: usize) -> Limiter {
        let memory = Memory {
            all: Budget::of(100),
            each: 25,
        };
        Limiter::new(PerTunnel { rate, at_once }, memory)
    }

    #[tokio::test]
    async fn a_tunnel_leaves_memory_to_others() {
        let limiter = limiter(1000, 10);
        let take = |name, bytes| {
            let place = limiter.admit(name).unwrap();
            Reservation::of(place.memory(), bytes)
        };
        let held = [take("a", 20), take("b", 25)];
        assert!(held.iter().all(Option::is_some));
        assert!(take("a", 6).is_none() && take("b", 1).is_none());
        assert!(take("a", 5).is_some() && take("c", 25).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_tunnel_gets_its_rate_and_no_other_less() {
        let limiter = limiter(10, 100);
        let count = |name| (0..100).filter(|_| limiter.admit(name).is_ok()).count();
        assert_eq!(count("a"), 20, "a burst");
        assert_eq!(limiter.admit("a").unwrap_err(), Reason::RateLimited);
        assert_eq!(count("b"), 20, "another has its own");
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(count("a"), 10);
    }

    #[tokio::test]
    async fn a_place_is_given_back() {
        let limiter = limiter(1000, 2);
        let (one, _two) = (limiter.admit("a").unwrap(), limiter.admit("a").unwrap());
        assert_eq!(limiter.admit("a").unwrap_err(), Reason::TooManyAtOnce);
        drop(one);
        assert!(limiter.admit("a").is_ok());
    }
}
