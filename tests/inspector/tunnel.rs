//! What the page says of a tunnel in each of its phases.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use cmhook::capture::again::Again;
use cmhook::capture::controls::Controls;
use cmhook::capture::forward::Forwarder;
use cmhook::capture::reach::LazyReach;
use cmhook::config::{ForwardSettings, HostHeader, Policy, StoreSettings};
use cmhook::delivery::{Phase, Registration, Tunnel};
use cmhook::inspector::{self, About, Through, Tokens};
use cmhook::store::Store;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::browser::Browser;

const RELAY: &str = "https://hooks.example.com";
const PUBLIC: &str = "https://shop.hooks.example.com";
const LOCAL: &str = "http://127.0.0.1:4400/";

/// The inspector of a listener in this process, so that its tunnel is told by hand.
struct Inspected {
    store: Store,
    link: String,
    stop: CancellationToken,
}

impl Drop for Inspected {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Inspected {
    fn start() -> Self {
        let settings = StoreSettings {
            path: None,
            durable: false,
            keep: 100,
            keep_bytes: 1 << 20,
        };
        let (store, _) = Store::open(&settings).expect("a store");
        let stop = CancellationToken::new();
        let (told, link) = mpsc::channel();
        let (kept, stopped) = (store.clone(), stop.clone());
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                told.send(serve(kept, stopped.clone()).await)
                    .expect("a test");
                stopped.cancelled().await;
            });
        });
        let link = link.recv().expect("a link");
        Self { store, link, stop }
    }

    fn tell(&self, is_named: bool, phase: Phase) {
        self.store.tell_tunnel(Tunnel {
            relay: RELAY.into(),
            public_url: is_named.then(|| PUBLIC.into()),
            phase,
            since: Timestamp::now(),
        });
    }
}

/// Serves it, and returns the link that opens it.
async fn serve(store: Store, stop: CancellationToken) -> String {
    let policy = Policy::default();
    let settings = ForwardSettings {
        timeout: Duration::from_secs(1),
        headers: Vec::new(),
        host_header: HostHeader::Rewrite,
        insecure_target: false,
    };
    let forwarder = Arc::new(Forwarder::new(settings, &policy, Vec::new()));
    let controls = Controls::new(policy, Vec::new());
    let again = Again::new(store, controls, Arc::clone(&forwarder));
    let reach = LazyReach::new(again.controls().clone(), forwarder, stop.clone());
    let wanted = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let listener = inspector::bind(Some(wanted)).await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let tokens = Tokens::new().expect("tokens");
    let link = format!("http://{address}/#token={}", tokens.run().expose());
    let about = About {
        public_url: None,
        url: LOCAL.into(),
        store: None,
        warnings: Vec::new(),
        page: true,
    };
    let through = Through {
        again,
        reach,
        tasks: TaskTracker::new(),
        stop,
    };
    inspector::serve(listener, through, about, tokens).expect("it is served");
    link
}

#[test]
fn the_page_shows_the_public_url_and_why_there_is_none() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let inspected = Inspected::start();
    let page = browser.page(1440, 900);
    page.open(&inspected.link);
    page.is_live();
    page.hides("tunnel");
    page.shows("empty", LOCAL);

    inspected.tell(false, Phase::Connecting);
    page.shows("tunnel", "connecting");
    page.shows("tunnel-banner", RELAY);
    page.shows("empty", LOCAL);

    let online = |ms, waiting| Phase::Online {
        round_trip: Some(Duration::from_micros(ms)),
        waiting,
    };
    inspected.tell(true, online(23_400, 12));
    page.shows("tunnel", "23 ms");
    page.hides("tunnel-banner");
    page.shows("empty", PUBLIC);
    page.wait("document.querySelector('[data-testid=tunnel]').title.includes('12 had waited')");
    inspected.tell(true, online(400, 12));
    page.shows("tunnel", "<1 ms");

    page.press("u");
    page.shows("toast", "The public URL");

    inspected.tell(
        true,
        Phase::Reconnecting {
            attempt: 1,
            next_at: Some(Timestamp::now() + SignedDuration::from_secs(3)),
            reason: "the relay does not answer".into(),
            hint: "are you connected to the internet?".into(),
        },
    );
    page.shows("tunnel", "lost");
    page.shows("tunnel-banner", "The relay does not answer.");
    page.shows("tunnel-banner", "Are you connected to the internet?");
    page.shows("tunnel-banner", "Next try in 2 s.");
    page.shows("tunnel-banner", "Next try in 1 s.");
    page.shows("tunnel-banner", "Trying again.");

    inspected.tell(
        false,
        Phase::Refused {
            code: "token".into(),
            reason: "the relay does not know the token\u{202e}".into(),
            hint: "log in with `cmhook relay login`".into(),
            next_at: None,
        },
    );
    page.shows("tunnel", "refused");
    page.shows(
        "tunnel-banner",
        "The relay said no: The relay does not know the token",
    );
    page.shows("tunnel-banner", "cmhook relay login");
    page.is_clean();
}

#[test]
fn the_page_shows_what_is_registered_while_it_is() {
    let Some(browser) = Browser::shared() else {
        return;
    };
    let inspected = Inspected::start();
    let page = browser.page(1440, 900);
    page.open(&inspected.link);
    page.is_live();
    page.hides("registered");
    for event in ["Email.Opened", "Email.Sent\u{202e}"] {
        inspected.store.tell_registered(Registration {
            event: event.into(),
            id: event.len().to_string().into(),
            url: PUBLIC.into(),
            is_reused: false,
            flags: Box::default(),
        });
    }
    page.shows("registered", "2 events registered");
    page.shows("empty", "2 webhooks point here");
    page.wait(
        "document.querySelector('[data-testid=registered]').title.includes('Email.Opened (12)')",
    );
    inspected.store.tell_archived("12");
    page.shows("registered", "1 event registered");
    page.is_clean();
}
