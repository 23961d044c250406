//! A listener on its way up: what it takes, what it registers, and what is made of that.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::last_words::say_warning;
use super::{Parts, Session};
use crate::capture::again::Again;
use crate::capture::controls::Controls;
use crate::capture::forward::Forwarder;
use crate::capture::intake::Intake;
use crate::capture::listener;
use crate::capture::own_port::{own_port, own_public};
use crate::capture::reach::LazyReach;
use crate::capture::targets;
use crate::commands::api;
use crate::commands::face::{Greeting, Place, Reachable, doubts};
use crate::commands::public::Public;
use crate::commands::register::{NotRegistered, Registration, Stop, register};
use crate::commands::signals::Signals;
use crate::commands::start_error::StartError;
use crate::config::Settings;
use crate::delivery::Warning;
use crate::store::Store;
use crate::tui::terminal::on_panic;

/// What a listener has taken, before it is made of anything.
pub(super) struct Taken {
    socket: tokio::net::TcpListener,
    address: SocketAddr,
    url: String,
    signals: Signals,
    store: Store,
    warnings: Vec<Warning>,
    api: Option<api::Opened>,
    pub(super) stop: CancellationToken,
    closed: CancellationToken,
    connections: TaskTracker,
    pub(super) public: Option<Public>,
}

impl Taken {
    /// Takes the port, opens the store, and waits for the public URL.
    pub(super) async fn take(settings: &mut Settings) -> anyhow::Result<Self> {
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
    pub(super) async fn register(
        &mut self,
        settings: &mut Settings,
    ) -> anyhow::Result<Option<Registration>> {
        let stop = Stop::new();
        if self.closed.is_cancelled() {
            // It is to stop already.
            return Ok(None);
        }
        let registered = {
            let registering = register(settings, &self.store, &self.url, &stop);
            tokio::pin!(registering);
            tokio::select! {
                registered = registering.as_mut() => registered,
                () = self.signals.next() => {
                    stop.ask();
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
    pub(super) fn open(self, settings: Settings, note: Option<&str>) -> anyhow::Result<Session> {
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
        intake.resume();
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
