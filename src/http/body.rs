//! Reading a request's body whole, within limits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout};

/// What a body may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes at most.
    pub max: u64,
    /// How long to wait for the next chunk.
    pub idle: Duration,
    /// Whether the sender waits for a 100 before it sends the body. Reading it makes hyper
    /// send that, so one that is refused is not even drained.
    pub expects_continue: bool,
}

/// Why a body is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyError {
    /// Over the limit.
    TooLarge,
    /// Its chunks are not framed as HTTP says.
    Malformed,
    /// It ended before its end, after so many bytes.
    Incomplete {
        /// Bytes that came.
        received: usize,
        /// Bytes that were announced.
        expected: Option<u64>,
    },
    /// No chunk came in time.
    TooSlow {
        /// Bytes that came.
        received: usize,
    },
    /// All bodies under way together take too much memory.
    Busy,
}

/// Memory for bodies that are being received or forwarded.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
}

impl Budget {
    /// A budget of so many bytes.
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
        })
    }

    /// Bytes that are not taken.
    pub fn left(&self) -> usize {
        self.left.load(Ordering::Relaxed)
    }
}

/// Part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    taken: usize,
}

impl Reservation {
    fn new(budget: &Arc<Budget>) -> Self {
        Self {
            budget: Arc::clone(budget),
            taken: 0,
        }
    }

    /// So many bytes of the budget, unless there are no longer so many.
    pub fn of(budget: &Arc<Budget>, bytes: usize) -> Option<Self> {
        let mut reservation = Self::new(budget);
        reservation.grow_to(bytes).ok()?;
        Some(reservation)
    }

    fn grow_to(&mut self, bytes: usize) -> Result<(), BodyError> {
        let more = bytes.saturating_sub(self.taken);
        self.budget
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(more)
            })
            .map_err(|_| BodyError::Busy)?;
        self.taken += more;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.left.fetch_add(self.taken, Ordering::Relaxed);
    }
}

/// First allocation for a body of unknown or large size; it doubles from there, so
/// that an announced length alone takes no memory.
const FIRST: usize = 64 << 10;

/// Reads a body to its end. What comes back is a copy of exactly its size, and the
/// memory for it stays reserved until the reservation is dropped.
///
/// # Errors
/// Where it is too large, ends early, comes too slowly, or there is no memory for it.
/// `progress` holds the bytes received so far at any time.
pub async fn read(
    mut body: Incoming,
    limits: Limits,
    budget: &Arc<Budget>,
    progress: &AtomicUsize,
) -> Result<(Bytes, Reservation), BodyError> {
    let expected = body.size_hint().exact();
    if expected.is_some_and(|length| length > limits.max) {
        if !limits.expects_continue {
            drain(body, limits).await;
        }
        return Err(BodyError::TooLarge);
    }
    let mut reservation = Reservation::new(budget);
    let capacity = expected.map_or(0, |length| {
        usize::try_from(length).unwrap_or(FIRST).min(FIRST)
    });
    reservation.grow_to(capacity)?;
    let mut all = BytesMut::with_capacity(capacity);
    loop {
        let received = all.len();
        let frame = match timeout(limits.idle, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => break,
            Ok(Some(Err(error))) if is_misframed(&error) => return Err(BodyError::Malformed),
            Ok(Some(Err(_))) => return Err(BodyError::Incomplete { received, expected }),
            Err(_) => return Err(BodyError::TooSlow { received }),
        };
        // Trailers are dropped, as every framework does.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let length = received + data.len();
        if length as u64 > limits.max {
            drop(all);
            drop(reservation);
            drain(body, limits).await;
            return Err(BodyError::TooLarge);
        }
        if length > all.capacity() {
            let limit = expected.map_or(usize::MAX, |e| usize::try_from(e).unwrap_or(usize::MAX));
            let grown = (all.capacity() * 2)
                .clamp(FIRST, limit.max(FIRST))
                .max(length);
            if let Err(busy) = reservation.grow_to(grown) {
                drop(all);
                drop(reservation);
                drain(body, limits).await;
                return Err(busy);
            }
            all.reserve(grown - received);
        }
        all.extend_from_slice(&data);
        progress.store(length, Ordering::Relaxed);
    }
    // A body that is kept for hours must not keep the slack of its growth.
    let bytes = if all.capacity() > all.len() + all.len() / 8 {
        Bytes::copy_from_slice(&all)
    } else {
        all.freeze()
    };
    Ok((bytes, reservation))
}

/// Whether who sent it got the framing wrong, rather than having hung up.
pub fn is_misframed(error: &hyper::Error) -> bool {
    use std::error::Error as _;
    use std::io::ErrorKind::{InvalidData, InvalidInput};
    error
        .source()
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|source| matches!(source.kind(), InvalidData | InvalidInput))
}

/// Reads and drops the rest, so that a sender who writes before it reads gets to see
/// the answer instead of a reset. Bounded: after that the connection is cut.
async fn drain(mut body: Incoming, limits: Limits) {
    const TIME: Duration = Duration::from_secs(5);
    let most = limits.max.saturating_mul(4).max(64 << 20);
    let until = Instant::now() + TIME;
    let mut seen = 0;
    while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until, body.frame()).await {
        seen += frame.data_ref().map_or(0, Bytes::len) as u64;
        if seen > most {
            break;
        }
    }
}
