//! The webhooks while the listener runs, and at its end.

use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::clean::Cleaning;
use super::ledger::Ledger;
use super::ledger::look::Others;
use super::url::can_be_called;
use crate::account::{AccountError, Api, Limit, Trouble};
use crate::config::api_url;
use crate::delivery::{Registration as Told, Tunnel, Warning};
use crate::http::line::is_loopback;
use crate::store::Store;

/// How long archiving may take at a stop, which is over within five seconds.
const ARCHIVED_WITHIN: Duration = Duration::from_secs(3);

/// How soon a change of the URL that did not work is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(30);

/// The webhooks of a listener that runs.
pub(in crate::commands) struct Registration {
    at: At,
    others: Others,
    moving: Option<JoinHandle<()>>,
    renewing: JoinHandle<()>,
}

#[derive(Clone)]
struct At {
    api: Api,
    ledger: Ledger,
    store: Store,
    url: String,
}

/// What is to be said when the listener has stopped.
#[derive(Debug, Default)]
pub(in crate::commands) struct LastWords {
    /// Webhooks that were archived.
    pub(in crate::commands) archived: usize,
    /// Those that there was nothing to archive of.
    pub(in crate::commands) gone: usize,
    /// What is left to do.
    pub(in crate::commands) left: Option<Warning>,
}

impl Registration {
    pub(super) fn new(api: Api, ledger: Ledger, others: Others, store: Store, url: String) -> Self {
        let at = At {
            api,
            ledger,
            store,
            url,
        };
        Self {
            renewing: tokio::spawn(at.clone().stay_logged_in()),
            at,
            others,
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
        let At {
            api, ledger, store, ..
        } = self.at;
        let mut cleaning = Cleaning::new(&api, &ledger, true, &self.others);
        // What is not archived by then is said.
        let _ = timeout(ARCHIVED_WITHIN, cleaning.run()).await;
        for (_, id) in &cleaning.archived {
            store.tell_archived(id);
        }
        let words = LastWords {
            archived: cleaning.archived.len(),
            gone: cleaning.gone.len(),
            left: cleaning.left(),
        };
        ledger.close();
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

    async fn follow(mut self, mut told: watch::Receiver<Option<Tunnel>>) {
        loop {
            let open = |tunnel: &Option<Tunnel>| {
                let url = tunnel.as_ref().and_then(Tunnel::open_url);
                url.filter(|url| *url != self.url).map(str::to_owned)
            };
            let next = match told.wait_for(|tunnel| open(tunnel).is_some()).await {
                Ok(tunnel) => open(&tunnel),
                // The tunnel has ended for good.
                Err(_) => return,
            };
            let Some(next) = next else { continue };
            match self.move_to(&next).await {
                Ok(()) => self.url = next,
                Err(warning) => {
                    self.store.warn(warning);
                    sleep(AGAIN_AFTER).await;
                }
            }
        }
    }

    async fn move_to(&self, url: &str) -> Result<(), Warning> {
        let is_sandbox = api_url(self.api.shown()).is_ok_and(|api| is_loopback(&api));
        let failed = |why: String, hint: String| Warning {
            code: "not_moved",
            message: format!("the webhooks are not sent to the new public URL `{url}`: {why}"),
            hint,
        };
        if !is_sandbox && !can_be_called(url) {
            let why = "Cakemail calls public https URLs only".to_owned();
            return Err(failed(why, "start again with another relay".into()));
        }
        for one in self.store.registrations().iter() {
            if *one.url == *url {
                continue;
            }
            let moved = self.move_one(one, url).await;
            moved.map_err(|error| failed(error.to_string(), error.trouble.hint()))?;
        }
        Ok(())
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
}
