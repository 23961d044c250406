//! Reading a request's body whole, within limits.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

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
    /// Bytes of the request's head, which are held as long as its body.
    pub head: usize,
    /// How many bytes must come within `idle`, or else all that are left; 0 where any will do.
    pub least: usize,
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

/// Memory for bodies that are being received or forwarded. Connections take from it what
/// each costs by itself, up to a point; what is left then is for bodies whatever comes.
#[derive(Debug)]
pub struct Budget {
    left: AtomicUsize,
    connections: TaskTracker,
    most_for_connections: usize,
    /// Of what this is a share.
    whole: Option<Arc<Self>>,
}

/// What a connection takes with its buffers and their share of what the allocator keeps,
/// measured with a thousand of them.
const CONNECTION: usize = 80 << 10;

impl Budget {
    /// A budget of `bytes`, of which `least` are for bodies however many connections there
    /// are.
    pub fn new(bytes: usize, least: usize, connections: TaskTracker) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
            connections,
            most_for_connections: bytes.saturating_sub(least),
            whole: None,
        })
    }

    /// So many bytes of this at most, for somebody who is to leave something to others.
    pub fn share(self: &Arc<Self>, bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicUsize::new(bytes),
            connections: TaskTracker::new(),
            most_for_connections: 0,
            whole: Some(Arc::clone(self)),
        })
    }

    /// A budget of so many bytes that nothing but bodies takes from.
    pub fn of(bytes: usize) -> Arc<Self> {
        Self::new(bytes, bytes, TaskTracker::new())
    }

    fn take(&self, bytes: usize) -> Result<(), BodyError> {
        let connections = self.connections.len().saturating_mul(CONNECTION);
        let others = connections.min(self.most_for_connections);
        let take = |left: usize| left.checked_sub(bytes).filter(|left| *left >= others);
        self.left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
            .map_err(|_| BodyError::Busy)?;
        match self
            .whole
            .as_ref()
            .map_or(Ok(()), |whole| whole.take(bytes))
        {
            Ok(()) => Ok(()),
            Err(busy) => {
                self.left.fetch_add(bytes, Ordering::Relaxed);
                Err(busy)
            }
        }
    }

    fn give(&self, bytes: usize) {
        self.left.fetch_add(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.give(bytes);
        }
    }
}

/// Part of a budget, given back when it is dropped.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    beside: usize,
    taken: usize,
}

impl Reservation {
    /// One for `beside` bytes that are held along with the body.
    fn new(budget: &Arc<Budget>, beside: usize) -> Result<Self, BodyError> {
        let mut reservation = Self {
            budget: Arc::clone(budget),
            beside,
            taken: 0,
        };
        reservation.cover(0)?;
        Ok(reservation)
    }

    /// So many bytes of the budget, unless there are no longer so many.
    pub fn of(budget: &Arc<Budget>, bytes: usize) -> Option<Self> {
        Self::new(budget, bytes).ok()
    }

    /// Has so many bytes of the body reserved.
    fn cover(&mut self, length: usize) -> Result<(), BodyError> {
        let needed = (self.beside + length).saturating_sub(self.taken);
        if needed == 0 {
            return Ok(());
        }
        self.budget.take(needed)?;
        self.taken += needed;
        Ok(())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.give(self.taken);
    }
}

/// A body that comes in several pieces is gathered in blocks, each as large as all before it
/// within these sizes. So memory follows what has come: an announced length alone takes
/// none, or a few thousand senders who only announce would leave none for the others. One
/// allocation that doubles would leave a trail of freed ones.
const BLOCKS: RangeInclusive<usize> = 4 << 10..=128 << 10;

/// When one in so many of the announced bytes have come, there is one block for all of them.
const BELIEVED: usize = 2;

/// A body as far as it has come.
struct Gathered {
    // What does not fit into the last one any more.
    blocks: Vec<BytesMut>,
    last: BytesMut,
    length: usize,
    reservation: Reservation,
}

impl Gathered {
    fn new(reservation: Reservation) -> Self {
        Self {
            blocks: Vec::new(),
            last: BytesMut::new(),
            length: 0,
            reservation,
        }
    }

    /// Appends `data` to what will be `expected` bytes, if that is known.
    fn add(&mut self, data: &[u8], expected: Option<usize>) -> Result<(), BodyError> {
        self.length += data.len();
        self.reservation.cover(self.length)?;
        let room = self.last.capacity() - self.last.len();
        let (fits, rest) = data.split_at(room.min(data.len()));
        self.last.extend_from_slice(fits);
        if rest.is_empty() {
            return Ok(());
        }
        let full = std::mem::take(&mut self.last);
        self.blocks.push(full);
        match expected {
            Some(all) if self.length >= all / BELIEVED => {
                self.reservation.cover(all)?;
                self.last = joined(std::mem::take(&mut self.blocks), all.max(self.length));
            }
            _ => {
                let size = self.length.clamp(*BLOCKS.start(), *BLOCKS.end());
                self.last = BytesMut::with_capacity(size.max(rest.len()));
            }
        }
        self.last.extend_from_slice(rest);
        Ok(())
    }

    /// All of it, in a piece of its exact size: a body is kept for hours, and slack with it.
    fn finish(mut self) -> (Bytes, Reservation) {
        let slack = self.last.capacity() - self.last.len();
        if !self.blocks.is_empty() || slack > self.length / 8 {
            self.blocks.push(self.last);
            self.last = joined(self.blocks, self.length);
        }
        (self.last.freeze(), self.reservation)
    }
}

/// The blocks in one that has room for `size` bytes.
fn joined(blocks: Vec<BytesMut>, size: usize) -> BytesMut {
    let mut all = BytesMut::with_capacity(size);
    for block in blocks {
        all.extend_from_slice(&block);
    }
    all
}

/// By when more must have come.
struct Pace {
    limits: Limits,
    mark: usize,
    until: Instant,
}

impl Pace {
    fn new(limits: Limits) -> Self {
        Self {
            limits,
            mark: 0,
            until: Instant::now() + limits.idle,
        }
    }

    /// When so much has come by now.
    fn until(&mut self, received: usize) -> Instant {
        if received - self.mark >= self.limits.least {
            self.mark = received;
            self.until = Instant::now() + self.limits.idle;
        }
        self.until
    }
}

/// Reads a body to its end. What comes back is a copy of exactly its size, and the
/// memory for it stays reserved until the reservation is dropped. `progress` holds the
/// bytes received so far at any time.
///
/// # Errors
/// Where it is too large, ends early, comes too slowly, or there is no memory for it.
pub async fn read(
    mut body: Incoming,
    limits: Limits,
    budget: &Arc<Budget>,
    progress: &AtomicUsize,
) -> Result<(Bytes, Reservation), BodyError> {
    let expected = body.size_hint().exact();
    if expected.is_some_and(|length| length > limits.max) {
        if !limits.expects_continue {
            tokio::spawn(drain(body, limits));
        }
        return Err(BodyError::TooLarge);
    }
    let length = expected.and_then(|length| usize::try_from(length).ok());
    let mut all = match Reservation::new(budget, limits.head) {
        Ok(reservation) => Gathered::new(reservation),
        Err(busy) => {
            if !limits.expects_continue {
                tokio::spawn(drain(body, limits));
            }
            return Err(busy);
        }
    };
    let mut pace = Pace::new(limits);
    loop {
        let received = all.length;
        let frame = match timeout_at(pace.until(received), body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(None) => return Ok(all.finish()),
            Ok(Some(Err(error))) if is_misframed(&error) => return Err(BodyError::Malformed),
            Ok(Some(Err(_))) => return Err(BodyError::Incomplete { received, expected }),
            Err(_) => return Err(BodyError::TooSlow { received }),
        };
        // Trailers are dropped, as every framework does.
        let Ok(data) = frame.into_data() else {
            continue;
        };
        let refused = if (received + data.len()) as u64 > limits.max {
            Err(BodyError::TooLarge)
        } else {
            all.add(&data, length)
        };
        if let Err(error) = refused {
            tokio::spawn(drain(body, limits));
            return Err(error);
        }
        progress.store(all.length, Ordering::Relaxed);
    }
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

/// Reads and drops the rest while the answer is on its way already, so that a sender who
/// writes everything before it reads gets to see it instead of a reset. Bounded: after
/// that the connection is cut.
async fn drain(mut body: Incoming, limits: Limits) {
    const TIME: Duration = Duration::from_secs(5);
    let most = limits.max.saturating_mul(4).max(64 << 20);
    let until = Instant::now() + TIME;
    let mut seen = 0;
    while let Ok(Some(Ok(frame))) = timeout_at(until, body.frame()).await {
        seen += frame.data_ref().map_or(0, Bytes::len) as u64;
        if seen > most {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_all_that_its_owner_gets_and_is_given_back_to_all() {
        let all = Budget::of(100);
        let (one, other) = (all.share(60), all.share(60));
        let held = Reservation::of(&one, 50).unwrap();
        assert!(Reservation::of(&one, 11).is_none(), "more than its share");
        assert!(Reservation::of(&other, 51).is_none(), "more than there is");
        let rest = Reservation::of(&other, 50).unwrap();
        assert!(Reservation::of(&one, 1).is_none());
        drop((held, rest));
        assert!(Reservation::of(&one, 60).is_some());
        assert!(Reservation::of(&all, 100).is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_is_not_enough() {
        let limits = |least| Limits {
            max: 1000,
            idle: Duration::from_secs(15),
            expects_continue: false,
            head: 0,
            least,
        };
        let begun = Instant::now();
        let mut pace = Pace::new(limits(100));
        let mut any = Pace::new(limits(0));
        let wait = async || tokio::time::advance(Duration::from_secs(10)).await;
        wait().await;
        assert_eq!(pace.until(99), begun + Duration::from_secs(15));
        assert_eq!(any.until(0), begun + Duration::from_secs(25));
        assert_eq!(pace.until(100), begun + Duration::from_secs(25));
        wait().await;
        assert_eq!(pace.until(199), begun + Duration::from_secs(25));
        assert_eq!(any.until(1), begun + Duration::from_secs(35));
    }
}
