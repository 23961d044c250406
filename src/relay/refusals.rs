//! What was refused, for the log: one line a minute for each reason, however often it happens.
//! Anybody can send what is no good, and would fill the disk with a line for each.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Reason;

/// How often one reason is told of, at most.
const EVERY: Duration = Duration::from_mins(1);

/// Whether an operator should know, and perhaps do something.
fn level(reason: &str) -> Option<tracing::Level> {
    let is = |reasons: &[Reason]| reasons.iter().any(|one| one.code() == reason);
    if is(&[Reason::QueueFull, Reason::QueueFailed, Reason::Busy]) {
        return Some(tracing::Level::WARN);
    }
    let strangers = [
        Reason::RateLimited,
        Reason::TooManyAtOnce,
        Reason::Malformed,
        Reason::HeadersTooLarge,
        Reason::BodyTooLarge,
        Reason::NoToken,
        Reason::BadToken,
        Reason::Protocol,
    ];
    is(&strangers).then_some(tracing::Level::INFO)
}

/// One kind since it was told of last.
#[derive(Debug)]
struct Kind {
    told_at: Instant,
    count: u64,
    last: Last,
}

/// Whom it happened to last.
#[derive(Debug, Clone)]
struct Last {
    peer: IpAddr,
    /// The tunnel, where it is known that there is one.
    name: Option<Box<str>>,
}

/// What was refused, by reason.
#[derive(Debug, Default)]
pub(super) struct Refusals(Mutex<HashMap<Box<str>, Kind>>);

impl Refusals {
    fn kinds(&self) -> MutexGuard<'_, HashMap<Box<str>, Kind>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more; the first for a while is told of at once.
    pub(super) fn note(&self, reason: &str, peer: IpAddr, name: Option<&str>) {
        if level(reason).is_none() {
            return;
        }
        let last = Last {
            peer: peer.to_canonical(),
            name: name.map(Into::into),
        };
        if let Some(kind) = self.kinds().get_mut(reason) {
            kind.count += 1;
            kind.last = last;
            return;
        }
        tell(reason, 1, &last);
        let kind = Kind {
            told_at: Instant::now(),
            count: 0,
            last,
        };
        self.kinds().insert(reason.into(), kind);
    }

    /// Tells of those that have come in the last minute. To be called every now and then.
    pub(super) fn tell(&self) {
        let mut due = Vec::new();
        self.kinds().retain(|reason, kind| {
            if kind.told_at.elapsed() < EVERY {
                return true;
            }
            if kind.count > 0 {
                due.push((reason.clone(), kind.count, kind.last.clone()));
            }
            kind.told_at = Instant::now();
            std::mem::take(&mut kind.count) > 0
        });
        for (reason, count, last) in due {
            tell(&reason, count, &last);
        }
    }
}

fn tell(reason: &str, count: u64, last: &Last) {
    let (peer, name) = (last.peer, last.name.as_deref());
    if level(reason) == Some(tracing::Level::WARN) {
        tracing::warn!(reason, count, last_peer = %peer, name, "refused");
    } else {
        tracing::info!(reason, count, last_peer = %peer, name, "refused");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_reason_is_told_of_once_a_minute() {
        let refusals = Refusals::default();
        let peer = "192.0.2.1".parse().unwrap();
        let counts = || -> Vec<u64> { refusals.kinds().values().map(|kind| kind.count).collect() };
        refusals.note("ok", peer, None);
        assert_eq!(counts(), [0; 0]);
        for _ in 0..100 {
            refusals.note("malformed", peer, None);
        }
        refusals.tell();
        assert_eq!(counts(), [99], "the first is told of, the others wait");
        tokio::time::advance(EVERY).await;
        refusals.tell();
        assert_eq!(counts(), [0]);
        refusals.note("malformed", peer, None);
        tokio::time::advance(EVERY).await;
        refusals.tell();
        tokio::time::advance(EVERY).await;
        refusals.tell();
        assert_eq!(counts(), [0; 0], "what has stopped is forgotten");
    }
}
