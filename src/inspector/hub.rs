//! The newest frames, written once for all sockets.
//!
//! They take 1 MiB at most. A socket reads them at its own pace, and one that is not as far
//! as the oldest of them is cut off: so it neither holds up the others nor takes memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Bytes of frames that are held.
const MOST_BYTES: usize = 1 << 20;

/// What all sockets share.
#[derive(Debug)]
pub(super) struct Hub {
    /// Tells this run's frames from those of another.
    run: String,
    state: Mutex<State>,
    newest: watch::Sender<u64>,
    sockets: watch::Sender<usize>,
}

#[derive(Debug, Default)]
struct State {
    /// The number of the newest frame.
    last: u64,
    frames: VecDeque<Frame>,
    bytes: usize,
    is_fed: bool,
}

/// A frame with its number.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub(super) n: u64,
    pub(super) what: What,
}

/// What a frame is.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// What has changed, in JSON, and of which deliveries.
    Changes(Utf8Bytes, Arc<[u64]>),
    /// More has changed than was noticed: only a snapshot tells all.
    Gap,
}

/// The next frame is not held any more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Behind;

/// A socket's place, which it gives back.
#[derive(Debug)]
pub(super) struct Seat(Arc<Hub>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.sockets.send_modify(|sockets| *sockets -= 1);
    }
}

impl Hub {
    /// One without frames.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub(super) fn new() -> Result<Self, getrandom::Error> {
        let mut run = [0; 4];
        getrandom::fill(&mut run)?;
        Ok(Self {
            run: hex::encode(run),
            state: Mutex::default(),
            newest: watch::Sender::new(0),
            sockets: watch::Sender::new(0),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change below leaves it whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A seat, and frames from now on; `None` where `most` are taken. `feed` has frames made
    /// until it [leaves](Self::leave), and is asked for that where nobody makes any.
    pub(super) fn join(self: &Arc<Self>, most: usize, feed: impl FnOnce()) -> Option<Seat> {
        let mut state = self.state();
        if *self.sockets.borrow() >= most {
            return None;
        }
        self.sockets.send_modify(|sockets| *sockets += 1);
        if !state.is_fed {
            state.is_fed = true;
            // Nobody has noted what has happened since the last frame.
            state.last += 1;
            state.frames.clear();
            state.bytes = 0;
            feed();
        }
        Some(Seat(Arc::clone(self)))
    }

    /// Ends the frames where nobody is there; whether they have ended.
    pub(super) fn leave(&self) -> bool {
        let mut state = self.state();
        let is_empty = *self.sockets.borrow() == 0;
        if is_empty {
            state.is_fed = false;
        }
        is_empty
    }

    /// How many sockets there are.
    pub(super) fn sockets(&self) -> watch::Receiver<usize> {
        self.sockets.subscribe()
    }

    /// The number of the newest frame.
    pub(super) fn newest(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }

    /// Adds a frame, which is told how to go on after it.
    pub(super) fn push(&self, make: impl FnOnce(&str) -> What) {
        let mut state = self.state();
        let n = state.last + 1;
        let what = make(&self.resume(n));
        state.last = n;
        state.bytes += what.size();
        state.frames.push_back(Frame { n, what });
        while state.bytes > MOST_BYTES && state.frames.len() > 1 {
            if let Some(gone) = state.frames.pop_front() {
                state.bytes -= gone.what.size();
            }
        }
        drop(state);
        self.newest.send_replace(n);
    }

    /// The newest frame's number.
    pub(super) fn last(&self) -> u64 {
        self.state().last
    }

    /// How a socket goes on that has seen this frame.
    pub(super) fn resume(&self, n: u64) -> String {
        format!("{}.{n}", self.run)
    }

    /// The frame that such a text names, where all after it are held.
    pub(super) fn find(&self, resume: &str) -> Option<u64> {
        let (run, n) = resume.split_once('.')?;
        let n = n.parse().ok().filter(|_| run == self.run)?;
        let is_known = n <= self.state().last;
        (is_known && self.after(n).is_ok()).then_some(n)
    }

    /// The frame after this one, if there is one already.
    pub(super) fn after(&self, n: u64) -> Result<Option<Frame>, Behind> {
        let state = self.state();
        if n >= state.last {
            return Ok(None);
        }
        let Some(oldest) = state.frames.front() else {
            return Err(Behind);
        };
        let place = (n + 1).checked_sub(oldest.n).ok_or(Behind)?;
        let place = usize::try_from(place).map_err(|_| Behind)?;
        Ok(state.frames.get(place).cloned())
    }
}

impl What {
    fn size(&self) -> usize {
        match self {
            Self::Changes(text, ids) => text.len() + ids.len() * size_of::<u64>(),
            Self::Gap => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(hub: &Hub, size: usize) {
        hub.push(|_| What::Changes("x".repeat(size).into(), Arc::default()));
    }

    #[test]
    fn frames_are_read_in_order_and_resumed_by_name() {
        let hub = Hub::new().unwrap();
        assert!(matches!(hub.after(0), Ok(None)));
        for _ in 0..3 {
            push(&hub, 1);
        }
        let next = |n| hub.after(n).unwrap().map(|frame| frame.n);
        assert_eq!([0, 1, 2, 3].map(next), [Some(1), Some(2), Some(3), None]);
        assert_eq!(hub.find(&hub.resume(1)), Some(1));
        assert_eq!(hub.find(&hub.resume(3)), Some(3));
        for wrong in ["", "x.1", &hub.resume(4), &format!("{}.", hub.run), "1"] {
            assert_eq!(hub.find(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_over_a_mebibyte_is_let_go_of() {
        let hub = Hub::new().unwrap();
        for _ in 0..5 {
            push(&hub, MOST_BYTES / 4);
        }
        assert!(matches!(hub.after(0), Err(Behind)));
        assert_eq!(hub.after(1).unwrap().unwrap().n, 2);
        assert_eq!(hub.find(&hub.resume(0)), None);
        // One alone is held whatever its size.
        push(&hub, 3 * MOST_BYTES);
        assert!(matches!(hub.after(4), Err(Behind)));
        assert_eq!(hub.after(5).unwrap().unwrap().n, 6);
    }
}
