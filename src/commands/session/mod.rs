//! A running listener, from its start to its stop: what `listen` and `demo` share.

mod last_words;
mod taken;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Outcome;
use super::api;
use super::face::Face;
use super::register::{LastWords, Registration};
use super::signals::Signals;
use super::start_error::StartError;
use crate::capture::intake::Intake;
use crate::config::{OutputSettings, Settings};
use crate::store::Store;
use crate::tui::terminal::PanicWatch;
use last_words::{say_last, say_left, waiting_left};
use taken::Taken;

/// How long a stop waits for what is in flight, and then for its 503s. Together with
/// closing the journal this stays under the 5 seconds that are promised.
const GRACE: Duration = Duration::from_secs(4);
const HURRY: Duration = Duration::from_millis(400);

/// Runs a future on the runtime that listeners use.
pub(super) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    // A thousand senders at once need more than the customary 1024 descriptors.
    let _ = rlimit::increase_nofile_limit(u64::MAX);
    // One thread: measured against two it takes less processor time for a delivery and
    // answers more of them, because none crosses threads. What would hold it up (the
    // journal, large bodies, a slow reader of lines) has threads of its own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(future);
    // What has not ended by now was waited for long enough.
    runtime.shutdown_background();
    result
}

/// A listener that accepts deliveries.
pub(super) struct Session {
    /// Where deliveries arrive.
    pub(super) url: String,
    signals: Signals,
    parts: Parts,
}

/// What has to be stopped, in its order.
struct Parts {
    store: Store,
    intake: Arc<Intake>,
    face: Face,
    _panics: Option<PanicWatch>,
    connections: TaskTracker,
    stop: CancellationToken,
    hurry: CancellationToken,
    closed: CancellationToken,
    api: Option<api::Serving>,
    registration: Option<Registration>,
    output: OutputSettings,
}

impl Session {
    /// Takes the port, opens the store, registers what is to be registered, says so, and
    /// accepts deliveries; on a terminal it opens the screen. `note` is what the screen is to
    /// say at first.
    pub(super) async fn start(mut settings: Settings, note: Option<&str>) -> anyhow::Result<Self> {
        let mut taken = Taken::take(&mut settings).await?;
        let (output, public_url) = (settings.output, settings.public_url.clone());
        let mut registration = taken.register(&mut settings).await?;
        if let (Some(registration), Some(public), None) =
            (&mut registration, &taken.public, &public_url)
        {
            registration.follow(public.told(), taken.stop.clone());
        }
        let session = taken.open(settings, note);
        match session {
            Ok(mut session) => {
                session.parts.registration = registration;
                Ok(session)
            }
            Err(error) => {
                if let Some(registration) = registration {
                    say_left(&registration.archive().await, output);
                }
                Err(error)
            }
        }
    }

    /// Runs until a signal, until nobody reads standard output any more, or until
    /// `until`; then finishes what is in flight. The answer is no where webhooks are left at
    /// Cakemail.
    pub(super) async fn run(mut self, until: impl Future<Output = ()>) -> anyhow::Result<Outcome> {
        tokio::select! {
            () = self.signals.next() => {}
            () = self.parts.closed.cancelled() => {}
            () = until => {}
        }
        tracing::debug!("stopping");
        self.signals.ignore_hangup();
        tokio::select! {
            finished = self.parts.finish() => Ok(finished.map_err(StartError::Output)?),
            () = self.signals.next() => Err(StartError::Forced.into()),
        }
    }
}

impl Parts {
    async fn finish(self) -> io::Result<Outcome> {
        let deadline = std::time::Instant::now() + GRACE;
        self.stop.cancel();
        self.intake.stop();
        let tasks = self.intake.tasks();
        self.connections.close();
        tasks.close();
        let asked = self
            .api
            .as_ref()
            .map(api::Serving::tasks)
            .unwrap_or_default();
        asked.close();
        // In this order: what comes in or is asked for begins forwards, and forwards begin none.
        let idle = async {
            self.connections.wait().await;
            asked.wait().await;
            tasks.wait().await;
        };
        let finishing = async {
            tokio::pin!(idle);
            if tokio::time::timeout(GRACE, idle.as_mut()).await.is_err() {
                self.hurry.cancel();
                let _ = tokio::time::timeout(HURRY, idle).await;
            }
        };
        let archiving = async {
            match self.registration {
                Some(registration) => registration.archive().await,
                None => LastWords::default(),
            }
        };
        let ((), words) = tokio::join!(finishing, archiving);
        tracing::debug!("nothing is in flight any more, closing the store");
        let (store, face, output) = (self.store, self.face, self.output);
        let waiting = waiting_left(&store);
        for left in words.left.iter().chain(&waiting).filter(|_| output.json) {
            store.warn(left.clone());
        }
        let closing = tokio::task::spawn_blocking(move || {
            store.close();
            let counts = store.counts();
            let outcome = if words.left.is_empty() {
                Outcome::Fine
            } else {
                Outcome::No
            };
            let finished = face.finish(counts, &store, deadline);
            say_last(words, waiting, output);
            finished.map(|()| outcome)
        });
        closing.await.unwrap_or(Ok(Outcome::Fine))
    }
}
