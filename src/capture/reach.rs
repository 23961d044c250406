//! Whether the target takes connections right now.
//!
//! It is tried now and then, by a connection on which nothing is sent; at once where the target
//! changes, or an attempt shows something else than is believed.

use std::io;
use std::mem::discriminant;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::belief::Doubt;
use super::controls::Controls;
use super::failure;
use super::forward::Forwarder;
use crate::config::Target;
use crate::delivery::Failure;
use crate::http::client::resolve;
use crate::http::pool::AskError;

/// How often a target is tried that takes connections, and one that does not.
const WHILE_UP: Duration = Duration::from_secs(5);
const WHILE_DOWN: Duration = Duration::from_secs(1);
/// How long trying may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long a target that takes connections and gives no answers is left alone.
const REST: Duration = Duration::from_secs(1);

/// What is known of the first target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Which it is; `None` where there is none.
    pub target: Option<Target>,
    /// Whether it takes connections.
    pub state: ReachState,
    /// Since when it does or does not.
    pub since: Timestamp,
}

/// Whether a target takes connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachState {
    /// Nobody has tried.
    Unknown,
    /// It does.
    Up,
    /// It does not; in the words of a failed attempt.
    Down(Failure),
}

/// Watches the first target, whichever that is, until `stop`. The value changes only when
/// something has changed. One at a time can watch what a forwarder does.
pub fn watch(
    controls: Controls,
    forwarder: Arc<Forwarder>,
    stop: CancellationToken,
) -> watch::Receiver<Reach> {
    let (tell, reach) = watch::channel(Reach {
        target: None,
        state: ReachState::Unknown,
        since: Timestamp::now(),
    });
    let watcher = Watcher {
        controls,
        forwarder,
        tell,
    };
    tokio::spawn(async move {
        tokio::select! {
            () = watcher.run() => {}
            () = stop.cancelled() => {}
        }
        watcher.forwarder.belief().watch(None);
    });
    reach
}

/// A watch that begins when somebody first wants to know, and that all who do share.
#[derive(Debug, Clone)]
pub struct LazyReach(Arc<Lazy>);

#[derive(Debug)]
struct Lazy {
    controls: Controls,
    forwarder: Arc<Forwarder>,
    stop: CancellationToken,
    begun: OnceLock<watch::Receiver<Reach>>,
}

impl LazyReach {
    /// One for the first target, until `stop`.
    pub fn new(controls: Controls, forwarder: Arc<Forwarder>, stop: CancellationToken) -> Self {
        Self(Arc::new(Lazy {
            controls,
            forwarder,
            stop,
            begun: OnceLock::new(),
        }))
    }

    /// Watches from now on. Call it on the listener's runtime.
    pub fn watch(&self) -> watch::Receiver<Reach> {
        let lazy = &self.0;
        let begin = || {
            watch(
                lazy.controls.clone(),
                Arc::clone(&lazy.forwarder),
                lazy.stop.clone(),
            )
        };
        lazy.begun.get_or_init(begin).clone()
    }

    /// What is known; `None` where nobody has wanted to know.
    pub fn look(&self) -> Option<Reach> {
        self.0.begun.get().map(|reach| reach.borrow().clone())
    }
}

struct Watcher {
    controls: Controls,
    forwarder: Arc<Forwarder>,
    tell: watch::Sender<Reach>,
}

impl Watcher {
    fn target(&self) -> Option<Target> {
        self.controls.policy().forward.first().cloned()
    }

    /// Ends when nobody listens any more.
    async fn run(&self) {
        let mut changes = self.controls.changed();
        loop {
            changes.borrow_and_update();
            let target = self.target();
            if self.tell.borrow().target != target {
                self.forwarder.belief().watch(target.as_ref());
                self.say(target.as_ref(), ReachState::Unknown);
            }
            let tried = async {
                match &target {
                    Some(target) => self.attend(target).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = tried => {}
                () = self.another(&mut changes, target.as_ref()) => {}
                () = self.tell.closed() => return,
            }
        }
    }

    /// Waits until the target is another one.
    async fn another(&self, changes: &mut watch::Receiver<u64>, target: Option<&Target>) {
        while changes.changed().await.is_ok() {
            if self.target().as_ref() != target {
                return;
            }
        }
    }

    /// Tries a target again and again, and never ends.
    async fn attend(&self, target: &Target) {
        let belief = self.forwarder.belief();
        let mut is_doubted = false;
        loop {
            belief.settle();
            let state = probe(&self.forwarder, target).await;
            let mut rest_until = Instant::now();
            let pause = match state {
                ReachState::Up => WHILE_UP,
                ReachState::Unknown | ReachState::Down(_) => WHILE_DOWN,
            };
            if is_doubted && state == ReachState::Up {
                rest_until += REST;
            }
            self.say(Some(target), state);
            let next = sleep(pause);
            tokio::pin!(next);
            loop {
                let doubt = async {
                    sleep_until(rest_until).await;
                    belief.doubt().await
                };
                let doubt = tokio::select! {
                    () = next.as_mut() => {
                        is_doubted = false;
                        break;
                    }
                    doubt = doubt => doubt,
                };
                match doubt {
                    // It takes connections, so much is certain.
                    Doubt::Answered => {
                        self.say(Some(target), ReachState::Up);
                        next.as_mut().reset(Instant::now() + WHILE_UP);
                    }
                    Doubt::Failed => {
                        is_doubted = true;
                        break;
                    }
                    Doubt::Settled => {}
                }
            }
        }
    }

    fn say(&self, target: Option<&Target>, state: ReachState) {
        self.forwarder.belief().set(match state {
            ReachState::Unknown => None,
            ReachState::Up => Some(true),
            ReachState::Down(_) => Some(false),
        });
        self.tell.send_if_modified(|reach| {
            let is_other = reach.target.as_ref() != target;
            if !is_other && reach.state == state {
                return false;
            }
            // Down for another reason is down all the while.
            if is_other || discriminant(&reach.state) != discriminant(&state) {
                reach.since = Timestamp::now();
            }
            reach.target = target.cloned();
            reach.state = state;
            true
        });
    }
}

async fn probe(forwarder: &Forwarder, target: &Target) -> ReachState {
    match connect(forwarder, target).await {
        Ok(()) => ReachState::Up,
        Err(error) => ReachState::Down(failure::of(target, &error)),
    }
}

/// Connects, as a forward would, and closes the connection at once.
async fn connect(forwarder: &Forwarder, target: &Target) -> Result<(), AskError> {
    let late = || AskError::Connect(io::Error::from(io::ErrorKind::TimedOut).into());
    let begun = Instant::now();
    let addresses = timeout(PATIENCE, resolve(target.host(), target.port()))
        .await
        .map_err(|_| late())?
        .map_err(|error| AskError::Connect(error.into()))?;
    if addresses.iter().any(|to| forwarder.reaches_own(*to)) {
        return Err(AskError::Loop);
    }
    let mut failed = late();
    for (at, address) in addresses.iter().enumerate() {
        // One that says nothing must not keep the others from their turn.
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let turn = left / u32::try_from(addresses.len() - at).unwrap_or(u32::MAX);
        match timeout(turn, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => failed = AskError::Connect(error.into()),
            Err(_) => failed = late(),
        }
    }
    Err(failed)
}
