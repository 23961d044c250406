//! What a running listener does is changed while it runs: targets, secrets, a pause. Its
//! parts are put together here as `listen` does it, since no command changes them yet.

#![cfg(unix)]

mod pause;
mod reach;
mod secrets;
#[path = "../support/mod.rs"]
mod support;
mod target;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cmhook::cakemail::signature::Secret;
use cmhook::capture::again::Again;
use cmhook::capture::controls::Controls;
use cmhook::capture::forward::Forwarder;
use cmhook::capture::intake::Intake;
use cmhook::capture::listener;
use cmhook::config::{ForwardSettings, HostHeader, Policy, StoreSettings, Target};
use cmhook::delivery::Notice;
use cmhook::store::{Notices, Store};
use support::raw::{Message, RawApp, ask, request};
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A listener in this process.
struct Running {
    runtime: Runtime,
    address: SocketAddr,
    again: Again,
    forwarder: Arc<Forwarder>,
    notices: Notices,
    stop: CancellationToken,
}

impl Running {
    /// One that keeps everything in memory only.
    fn start(policy: Policy, secrets: &[(&str, &str)]) -> Self {
        Self::start_with(policy, secrets, None)
    }

    fn start_with(policy: Policy, secrets: &[(&str, &str)], store: Option<&Path>) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let store = StoreSettings {
            path: store.map(ToOwned::to_owned),
            durable: false,
            keep: 10_000,
            keep_bytes: 256 << 20,
        };
        let (store, warnings) = Store::open(&store).expect("a store");
        assert!(warnings.is_empty(), "{warnings:?}");
        let (_, notices) = store.subscribe();
        let settings = ForwardSettings {
            timeout: Duration::from_secs(30),
            headers: Vec::new(),
            host_header: HostHeader::Rewrite,
            insecure_target: true,
        };
        let inside = runtime.enter();
        let socket = listener::bind(([127, 0, 0, 1], 0).into()).expect("a port");
        let address = socket.local_addr().expect("a port");
        let forwarder = Arc::new(Forwarder::new(settings, &policy, vec![address]));
        let secrets = secrets.iter().map(|(label, value)| secret(label, value));
        let controls = Controls::new(policy, secrets.collect());
        let (connections, stop) = (TaskTracker::new(), CancellationToken::new());
        let intake = Intake::new(
            store.clone(),
            controls.clone(),
            Arc::clone(&forwarder),
            25 << 20,
            connections.clone(),
            CancellationToken::new(),
        );
        runtime.spawn(listener::serve(socket, intake, connections, stop.clone()));
        drop(inside);
        Self {
            address,
            again: Again::new(store, controls, Arc::clone(&forwarder)),
            forwarder,
            notices,
            stop,
            runtime,
        }
    }

    fn controls(&self) -> &Controls {
        self.again.controls()
    }

    /// Delivers a body, and returns the answer.
    #[track_caller]
    fn deliver(&self, body: &str) -> Message {
        ask(self.address, request("POST /", "", body.as_bytes()))
    }

    /// The next notice that `wanted` takes, whatever comes before it.
    #[track_caller]
    fn notice<T>(&mut self, mut wanted: impl FnMut(Notice) -> Option<T>) -> T {
        /// Only a failing test ever waits for it.
        const PATIENCE: Duration = Duration::from_secs(30);
        loop {
            let notice = self
                .runtime
                .block_on(async { tokio::time::timeout(PATIENCE, self.notices.next()).await });
            let notice = notice.expect("such a notice comes");
            if let Some(found) = wanted(notice.expect("no gap")) {
                return found;
            }
        }
    }

    /// Ends it, so that its store can be opened again.
    fn stop(self) {
        self.stop.cancel();
        self.again.store().close();
    }
}

fn secret(label: &str, value: &str) -> Secret {
    Secret::new(label, None, value).expect("a secret")
}

fn target(text: &str) -> Target {
    text.parse().expect("a target")
}

/// A policy that forwards there and does nothing else.
fn to(app: &RawApp) -> Policy {
    Policy {
        forward: vec![target(&app.target())],
        ..Policy::default()
    }
}
