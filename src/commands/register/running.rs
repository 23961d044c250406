//! The webhooks while the listener runs, and at its end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::clean::Cleaning;
use super::ledger::Ledger;
use super::url::can_be_called;
use crate::account::{AccountError, Api, Limit, Trouble};
use crate::check::public::is_same;
use crate::check::some;
use crate::config::api_url;
use crate::delivery::{Registration as Told, Tunnel, Warning};
use crate::http::line::is_loopback;
use crate::store::Store;

/// How long archiving may take at a stop, which is over within five seconds.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(3);

/// The same, from when a stop was asked for before there was anything to stop.
pub(super) const STOPPED_WITHIN: Duration = Duration::from_millis(4200);

/// How long the disk may take after that.
pub(super) const WRITTEN_WITHIN: Duration = Duration::from_millis(400);

/// Webhooks that are moved at a time.
const AT_ONCE: usize = 4;

/// How soon a change of the URL that did not work is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The webhooks of a listener that runs.
pub(in crate::commands) struct Registration {
    at: At,
    asked: Option<Instant>,
    moving: Option<JoinHandle<()>>,
    renewing: JoinHandle<()>,
}

#[derive(Clone)]
struct At {
    api: Api,
    ledger: Ledger,
    store: Store,
}

/// What is to be said when the listener has stopped.
#[derive(Debug, Default)]
pub(in crate::commands) struct LastWords {
    /// Webhooks that were archived.
    pub(in crate::commands) archived: usize,
    /// Those that there was nothing to archive of.
    pub(in crate::commands) gone: usize,
    /// What is left to do.
    pub(in crate::commands) left: Vec<Warning>,
}

impl Registration {
    /// Of one whose stop was asked for at `asked`, if it was.
    pub(super) fn new(api: Api, ledger: Ledger, store: Store, asked: Option<Instant>) -> Self {
        let at = At { api, ledger, store };
        Self {
            renewing: tokio::spawn(at.clone().stay_logged_in()),
            at,
            asked,
            moving: None,
        }
    }

    /// Has the webhooks sent to the tunnel's public URL whenever that becomes another one.
    pub(in crate::commands) fn follow(
        &mut self,
        told: watch::Receiver<Option<Tunnel>>,
        stop: CancellationToken,
    ) {
        let at = self.at.clone();
        self.moving = Some(tokio::spawn(async move {
            tokio::select! {
                () = at.follow(told) => {}
                () = stop.cancelled() => {}
            }
        }));
    }

    /// Archives the webhooks, in no longer than a stop may take.
    pub(in crate::commands) async fn archive(self) -> LastWords {
        if let Some(moving) = self.moving {
            moving.abort();
        }
        self.renewing.abort();
        let At { api, ledger, store } = self.at;
        let mut by = Instant::now() + ARCHIVED_WITHIN;
        if let Some(asked) = self.asked {
            by = by.min(asked + STOPPED_WITHIN);
        }
        let mut cleaning = Cleaning::new(&api, &ledger, true, &[]);
        // What is not archived by then is said.
        let _ = timeout_at(by, cleaning.run()).await;
        for (_, id) in &cleaning.archived {
            store.tell_archived(id);
        }
        let words = LastWords {
            archived: cleaning.archived.len(),
            gone: cleaning.gone.len(),
            left: cleaning.words(),
        };
        cleaning.close(Some(by + WRITTEN_WITHIN)).await;
        words
    }
}

impl At {
    /// Renews the login for as long as the listener runs: a stop has no time for it.
    async fn stay_logged_in(self) {
        loop {
            let next = match self.api.renew_ahead().await {
                Ok(Some(next)) => next,
                Ok(None) => return,
                Err(trouble @ Trouble::LoginOver { .. }) => {
                    let command = self.ledger.owner().command(&["login"]);
                    return self.store.warn(Warning {
                        code: "login",
                        message: format!("the webhooks will not be archived at the stop: {trouble}"),
                        hint: format!(
                            "`{command}` as the same user, and the next `cmhook listen --register` archives them"
                        ),
                    });
                }
                Err(trouble) => {
                    tracing::debug!("not renewed: {trouble}");
                    AGAIN_AFTER
                }
            };
            sleep(next).await;
        }
    }

    async fn follow(self, mut told: watch::Receiver<Option<Tunnel>>) {
        let mut said = None;
        loop {
            let open = |tunnel: &Option<Tunnel>| {
                let url = tunnel.as_ref().and_then(Tunnel::open_url);
                url.filter(|url| self.is_elsewhere(url)).map(str::to_owned)
            };
            let next = match told.wait_for(|tunnel| open(tunnel).is_some()).await {
                Ok(tunnel) => open(&tunnel),
                // The tunnel has ended for good.
                Err(_) => return,
            };
            let Some(next) = next else { continue };
            let failed = self.move_to(&next).await.err();
            let is_tried_again = failed.is_some();
            // It is said once, however often it is tried.
            if failed != said {
                said.clone_from(&failed);
                if let Some(failed) = failed {
                    self.store.warn(failed);
                }
            }
            if is_tried_again {
                sleep(AGAIN_AFTER).await;
            }
        }
    }

    /// Whether one of the webhooks is sent elsewhere.
    fn is_elsewhere(&self, url: &str) -> bool {
        let all = self.store.registrations();
        all.iter().any(|one| !is_same(&one.url, url))
    }

    /// Moves those that are elsewhere. One that is gone is let go.
    ///
    /// # Errors
    /// Where some are not moved; the others are.
    async fn move_to(&self, url: &str) -> Result<(), Warning> {
        let failed = |which: String, why: String, hint: String| Warning {
            code: "not_moved",
            message: format!("{which} not sent to the new public URL `{url}`: {why}"),
            hint,
        };
        let is_sandbox = api_url(self.api.shown()).is_ok_and(|api| is_loopback(&api));
        if !is_sandbox && !can_be_called(url) {
            let why = "Cakemail calls public https URLs only".to_owned();
            let hint = "start again with another relay".into();
            return Err(failed("the webhooks are".into(), why, hint));
        }
        let all = self.store.registrations();
        let elsewhere = all.iter().filter(|one| !is_same(&one.url, url));
        let elsewhere: Vec<Arc<Told>> = elsewhere.cloned().collect();
        let each = elsewhere.into_iter().map(|one| async move {
            let moved = self.move_one(&one, url).await;
            (one, moved)
        });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        let (mut events, mut first) = (Vec::new(), None);
        while let Some((one, moved)) = each.next().await {
            match moved {
                Ok(()) => {}
                Err(error) if matches!(error.trouble, Trouble::NoWebhook { .. }) => {
                    self.let_go(&one).await;
                }
                Err(error) => {
                    events.push(one.event.clone());
                    first.get_or_insert(error);
                }
            }
        }
        events.sort_unstable();
        match first {
            None => Ok(()),
            Some(error) => {
                let which = match events.len() {
                    1 => format!("the webhook for {} is", events[0]),
                    _ => format!("the webhooks for {} are", some(&events)),
                };
                let hint = self.ledger.owner().completed(&error.trouble.hint());
                Err(failed(which, error.to_string(), hint))
            }
        }
    }

    async fn move_one(&self, one: &Told, url: &str) -> Result<(), AccountError> {
        let limit = Limit::default();
        self.api.patch(&one.id, Some(url), limit).await?;
        // It is only what the file says of it; the id is what counts.
        let _ = self.ledger.moved(&one.id, url).await;
        self.store.tell_registered(Told {
            url: url.into(),
            ..one.clone()
        });
        Ok(())
    }

    /// Forgets one that somebody has taken away.
    async fn let_go(&self, one: &Told) {
        // Nothing is left to archive.
        let _ = self.ledger.done(&one.event).await;
        self.store.tell_archived(&one.id);
        self.store.warn(Warning {
            code: "not_moved",
            message: format!(
                "the webhook {} for {} is gone, so nothing is moved",
                one.id, one.event
            ),
            hint: "start again to have another one made".into(),
        });
    }
}
