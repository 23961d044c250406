//! The agent: connects, serves, and connects again.

use std::future::Future;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use jiff::Timestamp;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::backoff::{Lost, Tries};
use super::connect::{Asking, Connected, Connector};
use super::failure::{self, Failure};
use super::serve::{Delivered, serve};
use crate::config::shown_url;
use crate::delivery::{Phase, Tunnel};
use crate::link::{PING_EVERY, Pulse};

/// How often it is looked whether this process was stopped for a while, and what counts as
/// that: a laptop that was closed, a suspended job.
const LOOK: Duration = Duration::from_secs(1);
const ASLEEP: Duration = Duration::from_secs(6);

/// Keeps a tunnel to a relay until `stop`; then what is under way is finished. `handle`
/// answers the requests that come through, and `tell` learns of every change of state.
///
/// # Errors
/// Where the system gives no random numbers.
pub async fn run<H, F, B>(
    asking: Asking,
    handle: H,
    tell: impl Fn(Tunnel) + Send,
    stop: CancellationToken,
) -> io::Result<()>
where
    H: Fn(Request<Incoming>, Delivered) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let connector = Connector::new(asking)?;
    let mut state = State::new(&connector, tell);
    state.say(Phase::Connecting);
    loop {
        let connected = tokio::select! {
            // Whoever runs this would carry the room for what can be in the way.
            connected = Box::pin(connector.connect()) => connected,
            () = stop.cancelled() => return Ok(()),
        };
        let failure = match connected {
            Err(failure) => {
                state.tries.fail();
                failure
            }
            Ok(connected) => {
                let ended = online(&mut state, connected, handle.clone(), &stop).await;
                match ended {
                    None => return Ok(()),
                    Some(failure) => failure,
                }
            }
        };
        if stop.is_cancelled() || !state.wait(failure, &stop).await {
            return Ok(());
        }
    }
}

/// Serves one connection to its end; `None` where it ended because it was to.
async fn online<H, F, B, T>(
    state: &mut State<T>,
    connected: Connected,
    handle: H,
    stop: &CancellationToken,
) -> Option<Failure>
where
    H: Fn(Request<Incoming>, Delivered) -> F + Clone + Send + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Data = Bytes> + From<Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    T: Fn(Tunnel) + Send,
{
    let since = Instant::now();
    let pulse = connected.stream.pulse();
    let waiting = connected.waiting;
    state.online(connected.public_url, waiting);
    let serving = serve(connected.stream, handle, stop);
    tokio::pin!(serving);
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut watch = Watch::default();
    let result = loop {
        tokio::select! {
            biased;
            _ = look.tick() => {
                watch.look();
                state.round_trip(pulse.round_trip(), waiting);
            }
            result = serving.as_mut() => break result,
        }
    };
    state.tries.lose(since.elapsed());
    if stop.is_cancelled() {
        return None;
    }
    Some(why(&pulse, watch.slept(), result.err()))
}

/// Whether this process was stopped for a while.
struct Watch {
    last: Instant,
    wall: Timestamp,
    slept_at: Option<Instant>,
}

impl Default for Watch {
    fn default() -> Self {
        Self {
            last: Instant::now(),
            wall: Timestamp::now(),
            slept_at: None,
        }
    }
}

impl Watch {
    fn look(&mut self) {
        // The monotonic clock does not go on in a closed laptop; the other one does.
        let by_wall = Timestamp::now().duration_since(self.wall);
        let by_wall = Duration::try_from(by_wall).unwrap_or_default();
        if self.last.elapsed().max(by_wall) >= ASLEEP {
            self.slept_at = Some(Instant::now());
        }
        self.last = Instant::now();
        self.wall = Timestamp::now();
    }

    fn slept(&mut self) -> bool {
        self.look();
        self.slept_at.is_some_and(|at| at.elapsed() < ASLEEP)
    }
}

/// Why a connection has ended.
fn why(pulse: &Pulse, slept: bool, error: Option<hyper::Error>) -> Failure {
    if slept {
        return Failure::lost(Lost::Network, "this machine was asleep", "");
    }
    if let Some(said) = pulse.said() {
        return failure::farewell(&said);
    }
    let silence = pulse.silence();
    // A relay that goes away was well a moment ago.
    if silence > PING_EVERY + Duration::from_secs(2) {
        let reason = format!(
            "nothing has come from the relay for {} s",
            silence.as_secs()
        );
        return Failure::lost(Lost::Network, reason, "is this machine online?");
    }
    if let Some(error) = error {
        tracing::debug!("the tunnel broke: {error:?}");
    }
    Failure::lost(Lost::Relay, "the relay hung up", "is the relay running?")
}

struct State<T> {
    tell: T,
    tunnel: Tunnel,
    tries: Tries,
}

impl<T: Fn(Tunnel)> State<T> {
    fn new(connector: &Connector, tell: T) -> Self {
        Self {
            tell,
            tunnel: Tunnel {
                relay: shown_url(connector.relay()),
                public_url: None,
                phase: Phase::Connecting,
                since: now(),
            },
            tries: Tries::default(),
        }
    }

    fn say(&mut self, phase: Phase) {
        if self.tunnel.phase.name() != phase.name() {
            self.tunnel.since = now();
        }
        self.tunnel.phase = phase;
        (self.tell)(self.tunnel.clone());
    }

    fn online(&mut self, public_url: String, waiting: u64) {
        self.tries.succeed();
        self.tunnel.public_url = Some(public_url);
        self.say(Phase::Online {
            round_trip: None,
            waiting,
        });
    }

    fn round_trip(&mut self, now: Option<Duration>, waiting: u64) {
        let phase = Phase::Online {
            round_trip: now,
            waiting,
        };
        if self.tunnel.phase != phase {
            self.say(phase);
        }
    }

    /// Waits for the next try; false where there is none.
    async fn wait(&mut self, failure: Failure, stop: &CancellationToken) -> bool {
        let (delay, trying) = match failure {
            Failure::Lost {
                why,
                reason,
                hint,
                after,
            } => {
                // Whoever was never there does not come back at the same time as all others,
                // and its name may be misspelt.
                let why = match why {
                    Lost::Relay | Lost::Network if self.tunnel.public_url.is_none() => Lost::Absent,
                    why => why,
                };
                let delay = self.tries.wait(why) + after.unwrap_or_default();
                let attempt = self.tries.failed;
                let phase = |next_at| Phase::Reconnecting {
                    attempt,
                    next_at,
                    reason: reason.clone(),
                    hint: hint.clone(),
                };
                self.say(phase(at(delay)));
                (delay, Some(phase(None)))
            }
            Failure::Refused(refused) => {
                let delay = self.tries.wait(Lost::Refused);
                let phase = |next_at| Phase::Refused {
                    code: refused.code.clone(),
                    reason: refused.reason.clone(),
                    hint: refused.hint.clone(),
                    next_at,
                };
                if refused.is_final {
                    self.say(phase(None));
                    return false;
                }
                self.say(phase(at(delay)));
                (delay, None)
            }
        };
        if !pause(delay, stop).await {
            return false;
        }
        if let Some(trying) = trying {
            self.say(trying);
        }
        true
    }
}

/// To a millisecond.
fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

fn at(delay: Duration) -> Option<Timestamp> {
    let at = now().checked_add(delay).ok()?;
    Timestamp::from_millisecond(at.as_millisecond()).ok()
}

/// Waits, but not through a sleep of the whole machine: after one the network is tried at
/// once. False where it is to stop.
async fn pause(delay: Duration, stop: &CancellationToken) -> bool {
    let waited = sleep(delay);
    tokio::pin!(waited);
    let mut watch = Watch::default();
    loop {
        tokio::select! {
            () = waited.as_mut() => return true,
            () = sleep(LOOK) => {
                if watch.slept() {
                    return true;
                }
            }
            () = stop.cancelled() => return false,
        }
    }
}
