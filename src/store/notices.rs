//! Notices on their way to the faces, bounded by count and by bytes.
//!
//! A face that does not read for a while (a pipe that nobody empties) must not keep in
//! memory what the ring has let go of. What would be too much is not queued; the face
//! finds a gap in its place and takes a new snapshot.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio::sync::broadcast::{Receiver, Sender, channel};

use crate::delivery::Notice;

/// Notices that a face may fall behind by.
const MOST: usize = 1024;
/// Notices that hold less than this are bounded by their count alone.
const LIGHT: usize = 16 << 10;
/// Bytes that all others may hold together, unless it is one alone.
const MOST_BYTES: usize = 64 << 20;

/// Some notices were passed over: a new snapshot has what they were about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gap;

/// The store's end.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    channel: Sender<Queued>,
    waiting: Arc<AtomicUsize>,
}

#[derive(Debug, Clone)]
struct Queued {
    // `None` for a gap.
    notice: Option<Notice>,
    _load: Option<Arc<Load>>,
}

/// The weight of a notice that some face has not read yet.
#[derive(Debug)]
struct Load {
    bytes: usize,
    waiting: Arc<AtomicUsize>,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Publisher {
    pub(super) fn new() -> Self {
        Self {
            channel: channel(MOST).0,
            waiting: Arc::default(),
        }
    }

    pub(super) fn subscribe(&self) -> Notices {
        Notices(self.channel.subscribe())
    }

    /// Sends without building the notice where nobody listens.
    pub(super) fn publish(&self, notice: impl FnOnce() -> Notice) {
        if self.channel.receiver_count() > 0 {
            // It fails where the last face has just gone.
            let _ = self.channel.send(self.queued(notice()));
        }
    }

    fn queued(&self, notice: Notice) -> Queued {
        let bytes = notice.weight();
        if bytes < LIGHT {
            return Queued {
                notice: Some(notice),
                _load: None,
            };
        }
        let before = self.waiting.fetch_add(bytes, Ordering::Relaxed);
        let load = Load {
            bytes,
            waiting: Arc::clone(&self.waiting),
        };
        if before > 0 && before + bytes > MOST_BYTES {
            return Queued {
                notice: None,
                _load: None,
            };
        }
        Queued {
            notice: Some(notice),
            _load: Some(Arc::new(load)),
        }
    }
}

/// A face's end.
#[derive(Debug)]
pub struct Notices(Receiver<Queued>);

impl Notices {
    /// The next notice, waiting for it. Blocks.
    ///
    /// # Errors
    /// Where some were passed over.
    pub fn wait(&mut self) -> Result<Notice, Gap> {
        of(self.0.blocking_recv())
    }

    /// The same for a task. Nothing is lost where it is dropped before it is ready.
    ///
    /// # Errors
    /// Where some were passed over.
    pub async fn next(&mut self) -> Result<Notice, Gap> {
        of(self.0.recv().await)
    }

    /// The next notice, if there is one already.
    ///
    /// # Errors
    /// Where some were passed over.
    pub fn look(&mut self) -> Result<Option<Notice>, Gap> {
        match self.0.try_recv() {
            Ok(queued) => queued.notice.map(Some).ok_or(Gap),
            Err(TryRecvError::Empty) => Ok(None),
            Err(TryRecvError::Lagged(_)) => Err(Gap),
            Err(TryRecvError::Closed) => Ok(Some(Notice::End)),
        }
    }
}

fn of(received: Result<Queued, RecvError>) -> Result<Notice, Gap> {
    match received {
        Ok(queued) => queued.notice.ok_or(Gap),
        Err(RecvError::Lagged(_)) => Err(Gap),
        Err(RecvError::Closed) => Ok(Notice::End),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Answer, Attempt, Cause, Headers, Outcome, Warning};
    use bytes::Bytes;
    use jiff::Timestamp;
    use std::time::Duration;

    fn heavy(bytes: usize) -> Notice {
        Notice::Attempt(Arc::new(Attempt {
            delivery: 1,
            n: 1,
            cause: Cause::Live,
            target: "http://x".into(),
            started_at: Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            outcome: Outcome::Answered(Answer {
                status: 200,
                headers: Headers::default(),
                body: Bytes::from(vec![0; bytes]),
                size: bytes as u64,
                first_byte: Duration::ZERO,
            }),
        }))
    }

    #[test]
    fn what_is_too_much_becomes_a_gap_and_what_is_read_makes_room() {
        let publisher = Publisher::new();
        let mut notices = publisher.subscribe();
        for _ in 0..10 {
            publisher.publish(|| heavy(10 << 20));
        }
        for _ in 0..6 {
            assert!(matches!(notices.look(), Ok(Some(Notice::Attempt(_)))));
        }
        for _ in 0..4 {
            assert!(matches!(notices.look(), Err(Gap)));
        }
        assert!(matches!(notices.look(), Ok(None)));
        publisher.publish(|| heavy(MOST_BYTES * 2));
        assert!(
            matches!(notices.look(), Ok(Some(_))),
            "one alone always fits"
        );
        assert_eq!(publisher.waiting.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_nobody_reads_any_more_makes_room_too() {
        let publisher = Publisher::new();
        let notices = publisher.subscribe();
        publisher.publish(|| heavy(MOST_BYTES));
        drop(notices);
        let mut notices = publisher.subscribe();
        publisher.publish(|| heavy(MOST_BYTES));
        assert!(matches!(notices.look(), Ok(Some(_))));
    }

    #[test]
    fn a_face_that_is_far_behind_finds_a_gap() {
        let publisher = Publisher::new();
        let mut notices = publisher.subscribe();
        for _ in 0..=MOST {
            publisher.publish(|| {
                Notice::Warning(Arc::new(Warning {
                    code: "x",
                    message: String::new(),
                    hint: String::new(),
                }))
            });
        }
        assert!(matches!(notices.look(), Err(Gap)));
        assert!(matches!(notices.look(), Ok(Some(_))));
    }
}
