//! Making the webhooks, a few at a time, or bringing back earlier ones.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream;
use secrecy::SecretString;

use super::error::RegisterError;
use super::ledger::Ledger;
use super::ledger::steps::Owner;
use super::reuse::again;
use super::stop::Stop;
use crate::account::{AccountError, Api, Limit, Trouble};
use crate::cakemail::webhook::Webhook;
use crate::check::public::is_same;
use crate::config::WantedEvent;
use crate::delivery::{Registration, Warning};
use crate::files::FileError;

/// Webhooks that are made at a time.
const AT_ONCE: usize = 4;

/// How long a stop waits for the answers to those that are being made: of one that has none it
/// is not known which to archive.
const ANSWERED_WITHIN: Duration = Duration::from_secs(3);

/// A webhook that was made, or brought back.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) event: String,
    pub(super) id: String,
    pub(super) key: Option<SecretString>,
    /// Whether an earlier run has made it.
    pub(super) is_reused: bool,
}

impl Made {
    pub(super) fn registration(&self, url: &str, owner: &Owner) -> Registration {
        Registration {
            flags: owner.flags(),
            event: self.event.as_str().into(),
            id: self.id.as_str().into(),
            url: url.into(),
            is_reused: self.is_reused,
        }
    }
}

/// What came of all of them.
#[derive(Debug, Default)]
pub(super) struct AllMade {
    /// In the order in which they were wanted.
    pub(super) made: Vec<Made>,
    /// Which of those that a glob means the API does not send.
    pub(super) skipped: Option<Warning>,
    /// Why the others are of no use.
    pub(super) failure: Option<RegisterError>,
}

/// How webhooks are made.
pub(super) struct Making<'a> {
    pub(super) api: &'a Api,
    pub(super) ledger: &'a Ledger,
    pub(super) url: &'a str,
    /// What there was before.
    pub(super) before: &'a [Webhook],
    pub(super) stop: &'a Stop,
}

/// What came of one.
enum One {
    Made(Made),
    /// The API does not know the event.
    Unknown(Trouble),
    /// It was not begun.
    NotBegun,
}

impl Making<'_> {
    /// Makes one for each event, unless something goes wrong with one of them.
    pub(super) async fn all(&self, events: &[WantedEvent]) -> AllMade {
        let over = AtomicBool::new(false);
        let each = events.iter().enumerate().map(|(at, wanted)| {
            let over = &over;
            async move {
                if over.load(Ordering::Relaxed) || self.stop.is_asked() {
                    return (at, wanted, Ok(One::NotBegun));
                }
                (at, wanted, self.one(&wanted.name).await)
            }
        });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        let mut given_up = pin!(self.stop.since(ANSWERED_WITHIN));
        let (mut made, mut skipped, mut all) = (Vec::new(), Vec::new(), AllMade::default());
        loop {
            let next = tokio::select! {
                next = each.next() => next,
                () = given_up.as_mut() => None,
            };
            let Some((at, wanted, one)) = next else { break };
            let failure = match one {
                Ok(One::Made(one)) => {
                    made.push((at, one));
                    None
                }
                Ok(One::NotBegun) => None,
                Ok(One::Unknown(trouble)) if wanted.is_named => Some(refused(wanted, trouble)),
                Ok(One::Unknown(trouble)) => {
                    skipped.push((at, wanted, trouble));
                    None
                }
                Err(error) => Some(error),
            };
            if let Some(failure) = failure {
                over.store(true, Ordering::Relaxed);
                all.failure.get_or_insert(failure);
            }
        }
        made.sort_unstable_by_key(|(at, _)| *at);
        skipped.sort_unstable_by_key(|(at, ..)| *at);
        all.made = made.into_iter().map(|(_, one)| one).collect();
        if let Some((_, wanted, trouble)) = skipped.first()
            && all.made.is_empty()
            && !self.stop.is_asked()
        {
            all.failure
                .get_or_insert_with(|| refused(wanted, trouble.clone()));
        }
        let names: Vec<&str> = skipped.iter().map(|(_, one, _)| &*one.name).collect();
        let them = if names.len() == 1 { "it" } else { "them" };
        all.skipped = (!names.is_empty()).then(|| Warning {
            code: "not_registered",
            message: format!(
                "not registered, because the API does not know {them}: {}",
                names.join(", ")
            ),
            hint: String::new(),
        });
        all
    }

    async fn one(&self, event: &str) -> Result<One, RegisterError> {
        let is_alike = |webhook: &&Webhook| {
            webhook.event.eq_ignore_ascii_case(event) && is_same(&webhook.url, self.url)
        };
        let before = self.before.iter().filter(is_alike);
        let before: Vec<String> = before.map(|webhook| webhook.id.clone()).collect();
        let (api, ledger, url) = (self.api, self.ledger, self.url);
        if let Some(made) = again(api, ledger, event, url, &before, self.stop).await? {
            return Ok(One::Made(made));
        }
        if self.stop.is_asked() {
            return Ok(One::NotBegun);
        }
        let written = ledger.make(event, url, before).await;
        written.map_err(|error| not_written(ledger, error))?;
        let created = match self.api.create(event, self.url, Limit::default()).await {
            Ok(created) => created,
            Err(error) => return self.not_created(event, error).await,
        };
        // Where the disk does not take it, it is known to this process all the same.
        let _ = self.ledger.made(event, &created.id).await;
        let key = tokio::select! {
            keyed = self.api.get(&created.id) => keyed.map_err(RegisterError::Api)?.key,
            // Nobody needs it any more.
            () = self.stop.asked() => None,
        };
        Ok(One::Made(Made {
            event: event.to_owned(),
            id: created.id,
            key,
            is_reused: false,
        }))
    }

    async fn not_created(&self, event: &str, error: AccountError) -> Result<One, RegisterError> {
        if !may_be_made(&error.trouble) {
            let _ = self.ledger.not_made(event).await;
        }
        if error.trouble.is_of_event() {
            return Ok(One::Unknown(error.trouble));
        }
        Err(RegisterError::Api(error))
    }
}

/// What it means that the ledger cannot be written.
pub(super) fn not_written(ledger: &Ledger, error: io::Error) -> RegisterError {
    RegisterError::File(FileError::Write(ledger.path().to_owned(), error))
}

/// Whether it may have been made all the same.
const fn may_be_made(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::HungUp { .. }
            | Trouble::Silent { .. }
            | Trouble::Server { .. }
            | Trouble::NotJson { .. }
            | Trouble::TooLong { .. }
            | Trouble::Shape { .. }
    )
}

fn refused(wanted: &WantedEvent, trouble: Trouble) -> RegisterError {
    RegisterError::Event {
        event: wanted.name.clone(),
        trouble,
    }
}
