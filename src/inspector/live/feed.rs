//! Makes frames of what happens, for as long as there is a socket.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::batch::{Batch, Known};
use crate::capture::reach::Reach;
use crate::inspector::parts::Parts;
use crate::store::Notices;

/// What happens within it is one frame.
const TICK: Duration = Duration::from_millis(33);
/// How often deliveries that are pending are looked at again.
const SETTLE: Duration = Duration::from_millis(250);
/// How long frames are made with no socket there: a page that reloads finds what it missed.
const LINGER: Duration = Duration::from_secs(30);

/// What frames are made of.
struct Sources {
    notices: Notices,
    known: Known,
    reach: watch::Receiver<Reach>,
    controls: watch::Receiver<u64>,
    sockets: watch::Receiver<usize>,
}

impl Sources {
    /// From now on.
    fn of(parts: &Parts) -> Self {
        let (_, notices) = parts.again.store().subscribe();
        Self {
            notices,
            known: Known::of(parts),
            reach: parts.reach.watch(),
            controls: parts.again.controls().changed(),
            sockets: parts.hub.sockets(),
        }
    }

    /// Comes when nobody has been there for a while.
    async fn deserted(sockets: &mut watch::Receiver<usize>) {
        loop {
            if sockets.wait_for(|sockets| *sockets == 0).await.is_err() {
                return;
            }
            let somebody = sockets.wait_for(|sockets| *sockets > 0);
            if timeout(LINGER, somebody).await.is_err() {
                return;
            }
        }
    }
}

/// Has frames made from now on.
pub(super) fn begin(parts: &Parts) {
    tokio::spawn(run(parts.clone(), Sources::of(parts)));
}

/// Makes frames until the listener stops or nobody wants them.
async fn run(parts: Parts, mut sources: Sources) {
    let hub = &parts.hub;
    loop {
        let mut batch = Batch::default();
        tokio::select! {
            () = parts.stop.cancelled() => return,
            () = Sources::deserted(&mut sources.sockets) => {
                if hub.leave() {
                    return;
                }
                continue;
            }
            notice = sources.notices.next() => match notice {
                Ok(notice) => batch.notice(notice),
                Err(_) => batch.gap(),
            },
            Ok(()) = sources.reach.changed() => batch.status(),
            Ok(()) = sources.controls.changed() => batch.status(),
            () = sleep(SETTLE), if sources.known.has_pending() => {}
        }
        sleep(TICK).await;
        batch.settle(&parts, &sources.known);
        loop {
            match sources.notices.look() {
                Ok(Some(crate::delivery::Notice::End) | None) => break,
                Ok(Some(notice)) => batch.notice(notice),
                Err(_) => batch.gap(),
            }
        }
        if batch.is_empty() {
            continue;
        }
        batch.push(hub, &parts, &mut sources.known);
    }
}
