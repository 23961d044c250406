//! Whoever acts on a store: its running listener, so that its faces see what happens, or this
//! process, which then has the store to itself.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::api;
use super::listener_client::ListenerClient;
use super::setup::Setup;
use crate::capture::again::{Again, AgainError, Draft};
use crate::capture::controls::Controls;
use crate::capture::forward::Forwarder;
use crate::capture::targets;
use crate::config::{Policy, StoreSettings, Target};
use crate::delivery::{Attempt, Delivery, Kept, Warning};
use crate::store::{OpenError, Reader, Store};

/// How long another process may have the store before that is an error: a listener that is
/// starting has not said yet where its API is, and a command is soon done.
const PATIENCE: Duration = Duration::from_secs(3);

/// Who acts.
pub(super) enum Hand {
    /// The store's listener.
    Listener(Box<ListenerClient>),
    /// This process.
    Own(Again),
}

impl Hand {
    /// For the store of these settings.
    ///
    /// # Errors
    /// Where there is no store, or it cannot be used, or its listener does not answer.
    pub(super) async fn open(setup: &Setup) -> anyhow::Result<Self> {
        let path = setup.store()?;
        let policy = Reader::open(path).map(|reader| targets::remembered(&reader))?;
        let deadline = Instant::now() + PATIENCE;
        let settings = StoreSettings {
            path: Some(path.to_owned()),
            durable: setup.settings.store.durable,
            // What a listener keeps is its own affair: nothing may be dropped here.
            keep: usize::MAX,
            keep_bytes: usize::MAX,
        };
        loop {
            // Its lock tells whether there is a listener. The runtime file alone does not: a
            // killed one leaves it, and another program may have its port since.
            let in_use = match Store::open(&settings) {
                Ok((store, warnings)) => {
                    say(&warnings);
                    return Ok(Self::Own(own(setup, store, policy)));
                }
                Err(error @ OpenError::InUse { .. }) => error,
                Err(error) => return Err(error.into()),
            };
            if let Some(running) = api::find(Some(path))
                && let Some(client) = ListenerClient::connect(running).await?
            {
                return Ok(Self::Listener(Box::new(client)));
            }
            if Instant::now() >= deadline {
                return Err(in_use.into());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// For deliveries that are in no store: they are held in memory, and nothing is kept.
    /// Targets are those of the settings' store, where there is one.
    ///
    /// # Errors
    /// None that is known.
    pub(super) fn in_memory(setup: &Setup) -> anyhow::Result<Self> {
        let policy = match setup.reader() {
            Ok(reader) => targets::remembered(&reader),
            Err(_) => Policy::default(),
        };
        let (store, _) = Store::open(&StoreSettings {
            path: None,
            durable: false,
            keep: usize::MAX,
            keep_bytes: usize::MAX,
        })?;
        Ok(Self::Own(own(setup, store, policy)))
    }

    /// Whether whoever acts knows a secret of that label.
    pub(super) fn knows(&self, label: &str) -> bool {
        match self {
            Self::Listener(client) => client.labels().iter().any(|known| known == label),
            Self::Own(again) => again.secrets().iter().any(|s| &**s.label() == label),
        }
    }

    /// Sends a kept delivery once more, byte for byte. That the app gives no answer is no
    /// error but the attempt's outcome.
    ///
    /// # Errors
    /// Where there is no such delivery or no target.
    pub(super) async fn replay(&self, id: u64, to: Option<&Target>) -> anyhow::Result<Attempt> {
        match self {
            Self::Listener(client) => client.replay(id, to).await,
            Self::Own(again) => Ok((*again.replay(id, to).await?).clone()),
        }
    }

    /// Keeps a draft as a new delivery and sends it.
    ///
    /// # Errors
    /// Where it cannot be signed, kept or sent.
    pub(super) async fn send(
        &self,
        draft: Draft,
        to: Option<&Target>,
    ) -> anyhow::Result<(Delivery, Attempt)> {
        match self {
            Self::Listener(client) => client.send(draft, to).await,
            Self::Own(again) => {
                let (delivery, attempt) = again.send(draft, to).await?;
                Ok(((*delivery).clone(), (*attempt).clone()))
            }
        }
    }

    /// Takes deliveries in that were kept elsewhere, and returns their new ids.
    ///
    /// # Errors
    /// Where one could not be kept; those before it are.
    pub(super) async fn take_in(&self, kept: Vec<Kept>) -> anyhow::Result<Vec<u64>> {
        let mut ids = Vec::with_capacity(kept.len());
        for one in kept {
            ids.push(match self {
                Self::Listener(client) => client.take_in(&one).await?,
                Self::Own(again) => again.take_in(one).await?.id,
            });
        }
        Ok(ids)
    }

    /// Deletes deliveries and returns the ids of those that there were.
    ///
    /// # Errors
    /// Where the listener does not answer.
    pub(super) async fn delete(&self, ids: &[u64]) -> anyhow::Result<Vec<u64>> {
        match self {
            Self::Listener(client) => {
                let mut gone = Vec::with_capacity(ids.len());
                for id in ids {
                    gone.extend(client.delete(*id).await?);
                }
                Ok(gone)
            }
            Self::Own(again) => Ok(again.store().delete(ids)),
        }
    }

    /// Deletes all deliveries and returns how many there were.
    ///
    /// # Errors
    /// Where the listener does not answer.
    pub(super) async fn clear(&self) -> anyhow::Result<usize> {
        match self {
            Self::Listener(client) => client.clear().await,
            Self::Own(again) => Ok(again.store().clear().len()),
        }
    }

    /// Marks deliveries, or takes their marks away.
    ///
    /// # Errors
    /// Where there is no such delivery.
    pub(super) async fn mark(&self, ids: &[u64], marked: bool) -> anyhow::Result<()> {
        for id in ids {
            match self {
                Self::Listener(client) => client.mark(*id, marked).await?,
                Self::Own(again) if again.store().mark(*id, marked) => {}
                Self::Own(_) => return Err(AgainError::NoDelivery(*id).into()),
            }
        }
        Ok(())
    }

    /// Waits until all that was done is in the store, and lets go of it. Call it last.
    ///
    /// # Errors
    /// Where something could not be written.
    pub(super) async fn close(self) -> anyhow::Result<()> {
        match self {
            Self::Listener(client) => client.settle().await,
            Self::Own(again) => {
                let store = again.store().clone();
                let settled = store.settled().wait().await;
                tokio::task::spawn_blocking(move || store.close())
                    .await
                    .context("cannot close the store")?;
                settled.map_err(|why| AgainError::Unsaved(why).into())
            }
        }
    }
}

fn own(setup: &Setup, store: Store, policy: Policy) -> Again {
    let forwarder = Forwarder::new(setup.settings.forward.clone(), &policy, Vec::new());
    Again::new(
        store,
        Controls::new(policy, setup.settings.secrets.clone()),
        Arc::new(forwarder),
    )
}

fn say(warnings: &[Warning]) {
    let mut err = std::io::stderr().lock();
    for warning in warnings {
        // Standard error may be closed; the work goes on all the same.
        let _ = crate::lines::warn(&mut err, warning);
    }
}
