//! A running listener, from its start to its stop: what `listen` and `demo` share.

use std::future::Future;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::api;
use super::face::{Face, Greeting, Place, Reachable, doubts};
use super::public::Public;
use super::register::{LastWords, NotRegistered, Registration, register};
use super::signals::Signals;
use super::start_error::StartError;
use crate::capture::again::Again;
use crate::capture::controls::Controls;
use crate::capture::forward::Forwarder;
use crate::capture::intake::Intake;
use crate::capture::listener;
use crate::capture::own_port::{own_port, own_public};
use crate::capture::reach::LazyReach;
use crate::capture::targets;
use crate::config::{OutputSettings, Settings};
use crate::delivery::Warning;
use crate::lines;
use crate::store::Store;
use crate::tui::terminal::{PanicWatch, on_panic};
use crate::wire::Object;

/// How long a stop waits for what is in flight, and then for its 503s. Together with
/// closing the journal this stays under the 5 seconds that are promised.
const GRACE: Duration = Duration::from_secs(4);
const HURRY: Duration = Duration::from_millis(400);

/// How long saying what became of webhooks may take, on a terminal that is not read.
const LAST_WORDS: Duration = Duration::from_millis(400);

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

/// What a listener has taken, before it is made of anything.
struct Taken {
    socket: tokio::net::TcpListener,
    address: SocketAddr,
    url: String,
    signals: Signals,
    store: Store,
    warnings: Vec<Warning>,
    api: Option<api::Opened>,
    stop: CancellationToken,
    closed: CancellationToken,
    connections: TaskTracker,
    public: Option<Public>,
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
    /// `until`; then finishes what is in flight.
    pub(super) async fn run(mut self, until: impl Future<Output = ()>) -> anyhow::Result<()> {
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

impl Taken {
    /// Takes the port, opens the store, and waits for the public URL.
    async fn take(settings: &mut Settings) -> anyhow::Result<Self> {
        let socket = listener::bind(settings.listen)?;
        let address = socket.local_addr().context("cannot tell the port")?;
        if let Some(target) = own_port(&settings.policy, address).await {
            return Err(StartError::OwnPort(target.to_string()).into());
        }
        // From the `Ready` line on a signal means a clean stop.
        let mut signals = Signals::new().context("cannot listen for signals")?;
        let (store, mut warnings) = Store::open(&settings.store)?;
        tracing::debug!("took {address} and opened the store, {} kept", store.len());
        let url = url_of(address);
        warnings.extend(doubts(settings, address));
        let api = api::open(&store, &url, settings.inspector)
            .await
            .map_err(|error| warnings.push(error))
            .ok();
        warnings.extend(api.as_ref().and_then(|api| api.doubt(settings.inspector)));
        let (stop, closed) = (CancellationToken::new(), CancellationToken::new());
        let connections = TaskTracker::new();
        let public = match settings.relay.take() {
            Some(relay) => {
                let public = Public::begin(relay, &store, &connections, stop.clone())?;
                Some(settle(public, &mut signals, &closed).await?)
            }
            None => None,
        };
        let relayed = store.tunnel().and_then(|tunnel| tunnel.public_url.clone());
        for public in settings.public_url.iter().chain(&relayed) {
            if let Some(target) = own_public(&settings.policy, public) {
                return Err(StartError::OwnPort(target.to_string()).into());
            }
        }
        Ok(Self {
            socket,
            address,
            url,
            signals,
            store,
            warnings,
            api,
            stop,
            closed,
            connections,
            public,
        })
    }

    /// Makes webhooks where the settings ask for them, and adds their keys to the secrets.
    /// Deliveries that come meanwhile wait.
    async fn register(&mut self, settings: &mut Settings) -> anyhow::Result<Option<Registration>> {
        let cancel = CancellationToken::new();
        if self.closed.is_cancelled() {
            // It is to stop already.
            return Ok(None);
        }
        let registered = {
            let registering = register(settings, &self.store, &self.url, &cancel);
            tokio::pin!(registering);
            tokio::select! {
                registered = registering.as_mut() => registered,
                () = self.signals.next() => {
                    cancel.cancel();
                    self.closed.cancel();
                    tokio::select! {
                        registered = registering => registered,
                        () = self.signals.next() => return Err(StartError::Forced.into()),
                    }
                }
            }
        };
        match registered {
            Ok(None) => Ok(None),
            Ok(Some(registered)) => {
                settings.secrets.extend(registered.secrets);
                self.warnings.extend(registered.warnings);
                Ok(Some(registered.registration))
            }
            Err(NotRegistered { error, warnings }) => {
                for one in &warnings {
                    say_warning(one, settings.output);
                }
                Err(error.into())
            }
        }
    }

    /// Makes the pipeline, says where deliveries arrive, and lets them in.
    fn open(self, settings: Settings, note: Option<&str>) -> anyhow::Result<Session> {
        let Self {
            store,
            stop,
            closed,
            connections,
            mut signals,
            ..
        } = self;
        let hurry = CancellationToken::new();
        let place = Place {
            url: &self.url,
            public_url: settings.public_url.as_deref(),
            tunnel: store.tunnel(),
            link: self.api.as_ref().and_then(api::Opened::link),
            page: self.api.as_ref().and_then(api::Opened::door),
        };
        let greeting = Greeting::new(&settings, &store, place, self.warnings.clone(), note)
            .map_err(StartError::Output)?;
        targets::remember(&store, &settings.policy);

        let writing = store.clone();
        tokio::spawn(async move { writing.write_here().await });
        let own = [
            Some(self.address),
            self.api.as_ref().map(api::Opened::address),
        ];
        let own = own.into_iter().flatten().collect();
        let forwarder = Arc::new(Forwarder::new(settings.forward, &settings.policy, own));
        let controls = Controls::new(settings.policy, settings.secrets);
        let intake = Intake::new(
            store.clone(),
            controls.clone(),
            Arc::clone(&forwarder),
            settings.max_body,
            connections.clone(),
            hurry.clone(),
        );
        if let Some(key) = self.api.as_ref().and_then(api::Opened::canary_key) {
            intake.expect_canaries(key);
        }
        tokio::spawn(listener::serve(
            self.socket,
            Arc::clone(&intake),
            connections.clone(),
            stop.clone(),
        ));
        let again = Again::new(store.clone(), controls, Arc::clone(&forwarder));
        let reach = LazyReach::new(again.controls().clone(), forwarder, stop.clone());
        let (public_url, warnings) = (settings.public_url, self.warnings);
        let api = self.api.map(|api| {
            let through = (again.clone(), reach.clone());
            api.serve(through, public_url, warnings, stop.clone())
        });
        let api = api.transpose().context("cannot serve the local API")?;
        let reachable = Reachable {
            again,
            intake: Arc::clone(&intake),
            reach,
            stop: stop.clone(),
        };
        let panics = greeting.is_screen().then(|| on_panic(closed.clone()));
        if greeting.is_screen() {
            signals
                .stop_at_quit()
                .context("cannot listen for signals")?;
        }
        let face = greeting.open(reachable, closed.clone())?;
        if let Some(public) = self.public {
            public.open(Arc::clone(&intake));
        }
        Ok(Session {
            url: self.url,
            signals,
            parts: Parts {
                store,
                intake,
                face,
                _panics: panics,
                connections,
                stop,
                hurry,
                closed,
                api,
                registration: None,
                output: settings.output,
            },
        })
    }
}

impl Parts {
    async fn finish(self) -> std::io::Result<()> {
        let deadline = std::time::Instant::now() + GRACE;
        self.stop.cancel();
        let tasks = self.intake.tasks();
        self.connections.close();
        tasks.close();
        let asked = self
            .api
            .as_ref()
            .map(api::Serving::tasks)
            .unwrap_or_default();
        asked.close();
        let idle = async { tokio::join!(self.connections.wait(), tasks.wait(), asked.wait()) };
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
        if output.json
            && let Some(left) = words.left.clone()
        {
            store.warn(left);
        }
        let closing = tokio::task::spawn_blocking(move || {
            store.close();
            let counts = store.counts();
            let finished = face.finish(counts, &store, deadline);
            say_last(words, output);
            finished
        });
        closing.await.unwrap_or(Ok(()))
    }
}

/// Says what became of the webhooks, when the face has said all that it has to say.
fn say_last(words: LastWords, output: OutputSettings) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        if words.archived > 0 && !output.json && !output.quiet {
            let text = match words.archived {
                1 => "Archived 1 webhook.".to_owned(),
                many => format!("Archived {many} webhooks."),
            };
            // Standard error may be closed.
            let _ = writeln!(io::stderr(), "{text}");
        }
        if let Some(left) = &words.left {
            let _ = lines::warn(&mut io::stderr().lock(), left);
        }
        let _ = done.send(());
    });
    // Whoever should read this may have stopped reading.
    let _ = finished.recv_timeout(LAST_WORDS);
}

/// Says what is left to do where the listener does not start.
fn say_left(words: &LastWords, output: OutputSettings) {
    if let Some(left) = &words.left {
        say_warning(left, output);
    }
}

fn say_warning(warning: &Warning, output: OutputSettings) {
    if output.json {
        let _ = Object::from(warning).write_line(&mut io::stdout().lock());
    }
    let _ = lines::warn(&mut io::stderr().lock(), warning);
}

/// Waits a while for the public URL.
async fn settle(
    mut public: Public,
    signals: &mut Signals,
    closed: &CancellationToken,
) -> anyhow::Result<Public> {
    tokio::select! {
        settled = public.settled() => settled?,
        // There is no need to look at anything any more.
        () = signals.next() => closed.cancel(),
    }
    Ok(public)
}

/// A URL that a sender on this machine can use.
fn url_of(address: SocketAddr) -> String {
    let host = match address {
        SocketAddr::V4(v4) if v4.ip().is_unspecified() => "127.0.0.1".to_owned(),
        SocketAddr::V6(v6) if v6.ip().is_unspecified() => "[::1]".to_owned(),
        SocketAddr::V4(v4) => v4.ip().to_string(),
        SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
    };
    format!("http://{host}:{}/", address.port())
}
