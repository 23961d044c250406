//! The listener's way in from a public URL.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use hyper::body::Incoming;
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::capture::intake::Intake;
use crate::capture::peer::Peer;
use crate::config::RelaySettings;
use crate::delivery::{Phase, Tunnel};
use crate::http::tls::{self, RootsError};
use crate::store::Store;
use crate::tunnel::{self, Asking, Delivered, Refused};

/// How long the start waits for the public URL.
const SOON: Duration = Duration::from_secs(5);

/// A tunnel whose deliveries wait for the pipeline to be there.
pub(super) struct Public {
    open: watch::Sender<Option<Arc<Intake>>>,
    told: watch::Receiver<Option<Tunnel>>,
}

impl Public {
    /// Begins to connect.
    ///
    /// # Errors
    /// Where the certificates to trust cannot be read.
    pub(super) fn begin(
        settings: RelaySettings,
        store: &Store,
        connections: &TaskTracker,
        stop: CancellationToken,
    ) -> Result<Self, RootsError> {
        let roots = match &settings.ca {
            Some(path) => tls::roots_with(path)?,
            None => tls::system_roots(),
        };
        let asking = Asking {
            relay: settings.url,
            token: settings.token,
            name: settings.name,
            claim: settings.claim,
            tls: Arc::new(tls::client(roots)),
        };
        let (open, opened) = watch::channel(None::<Arc<Intake>>);
        let handle = move |request: Request<Incoming>, delivered: Delivered| {
            let mut opened = opened.clone();
            async move {
                let intake = opened.wait_for(Option::is_some).await;
                let intake = intake.ok().and_then(|intake| intake.clone());
                match intake {
                    Some(intake) => {
                        let peer = Peer::relayed(delivered.peer, delivered.https);
                        intake
                            .deliver_relayed(request, &peer, delivered.relayed)
                            .await
                    }
                    None => crate::capture::answer::own(
                        http::StatusCode::SERVICE_UNAVAILABLE,
                        "stopping",
                    ),
                }
            }
        };
        let (telling, told) = watch::channel(None::<Tunnel>);
        let telling = Arc::new(telling);
        let telling_store = store.clone();
        let tell = move |tunnel: Tunnel| {
            telling_store.tell_tunnel(tunnel.clone());
            telling.send_replace(Some(tunnel));
        };
        let last = tell.clone();
        let last_told = told.clone();
        connections.spawn(async move {
            let why = broken(tunnel::run(asking, handle, tell, stop)).await;
            let tunnel = last_told.borrow().clone();
            if let (Some(why), Some(tunnel)) = (why, tunnel) {
                tracing::error!("no tunnel: {why}");
                last(Tunnel {
                    phase: ended(&why),
                    ..tunnel
                });
            }
        });
        Ok(Self { open, told })
    }

    /// Waits a while for the connection to come to something.
    ///
    /// # Errors
    /// Where the relay says no: whoever wanted a public URL does not get it.
    pub(super) async fn settled(&mut self) -> Result<(), Refused> {
        let is_settled = |tunnel: &Option<Tunnel>| {
            let phase = tunnel.as_ref().map(|tunnel| &tunnel.phase);
            phase.is_some_and(|phase| !matches!(phase, Phase::Connecting))
        };
        let settled = timeout(SOON, self.told.wait_for(is_settled)).await;
        let Ok(Ok(tunnel)) = settled else {
            return Ok(());
        };
        match tunnel.as_ref().map(|tunnel| &tunnel.phase) {
            Some(Phase::Refused {
                code, reason, hint, ..
            }) => Err(Refused {
                code: code.clone(),
                reason: reason.clone(),
                hint: hint.clone(),
                is_final: true,
            }),
            _ => Ok(()),
        }
    }

    /// How it is doing, from now on.
    pub(super) fn told(&self) -> watch::Receiver<Option<Tunnel>> {
        self.told.clone()
    }

    /// Lets deliveries in.
    pub(super) fn open(self, intake: Arc<Intake>) {
        // Those that came before are waiting for just this.
        self.open.send_replace(Some(intake));
    }
}

/// Why a tunnel has ended that was not to; `None` where it was. That it panics must not look as
/// if it went on.
async fn broken(running: impl Future<Output = io::Result<()>> + Send + 'static) -> Option<String> {
    match tokio::spawn(running).await {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(error.to_string()),
    }
}

fn ended(why: &str) -> Phase {
    Phase::Refused {
        code: "internal".into(),
        reason: format!("the tunnel has ended by a mistake of cmhook's own: {why}"),
        hint: "start cmhook again, and report this".into(),
        next_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_does_not_go_unnoticed() {
        assert_eq!(broken(async { Ok(()) }).await, None);
        let none = broken(async { Err(io::Error::other("no random numbers")) }).await;
        assert_eq!(none.as_deref(), Some("no random numbers"));
        let why = broken(async { panic!("sentinel") }).await.unwrap();
        assert!(why.contains("panic"), "{why}");
    }
}
