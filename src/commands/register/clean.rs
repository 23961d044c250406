//! Archiving what a run has made: at its end, when it fails half-way, and in the next run
//! where it was killed.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::book::Book;
use super::commands::archive_command;
use super::ledger::Ledger;
use super::ledger::look::Others;
use super::ledger::steps::Entry;
use crate::account::{AccountError, Api, Trouble};
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::check::public::{is_same, plain};
use crate::delivery::Warning;

/// Requests that are under way at a time. A stop is to be short.
const AT_ONCE: usize = 8;

/// Archives what a file says was made.
pub(super) struct Cleaning<'a> {
    api: &'a Api,
    ledger: &'a Ledger,
    /// Whether whoever asks now is known to be who made them: an account that does not know
    /// an id may be another one.
    is_same_user: bool,
    others: &'a Others,
    /// Events and ids of what was archived, by this run or by somebody else before.
    pub(super) archived: Vec<(String, String)>,
    /// Webhooks of which cmhook cannot tell whose they are.
    pub(super) unclear: Vec<Warning>,
    /// The first thing that went wrong.
    pub(super) failure: Option<AccountError>,
}

impl<'a> Cleaning<'a> {
    pub(super) fn new(
        api: &'a Api,
        ledger: &'a Ledger,
        is_same_user: bool,
        others: &'a Others,
    ) -> Self {
        Self {
            api,
            ledger,
            is_same_user,
            others,
            archived: Vec::new(),
            unclear: Vec::new(),
            failure: None,
        }
    }

    /// Archives all of it. Where this is dropped, what was archived by then is known.
    pub(super) async fn run(&mut self) {
        let (mut made, mut unknown, mut unsure) = (Vec::new(), Vec::new(), Vec::new());
        for entry in self.ledger.entries() {
            match (&entry.id, &entry.left) {
                _ if entry.is_done => {}
                (None, _) => unknown.push(entry),
                (Some(_), None) => made.push(entry),
                (Some(_), Some(left)) if left.is_begun => unsure.push(entry),
                (Some(id), Some(left)) => {
                    // Nothing was done to it.
                    self.ledger.remember(&entry, id, &left.url).await;
                    let _ = self.ledger.done(&entry.event).await;
                }
            }
        }
        for entry in unsure {
            made.extend(self.settle(entry).await);
        }
        self.archive(made).await;
        if !unknown.is_empty() && self.is_same_user {
            self.find(unknown).await;
        }
    }

    /// Finds out whether a webhook of earlier was brought back, and returns it if so.
    async fn settle(&mut self, entry: Entry) -> Option<Entry> {
        let (id, left) = (entry.id.as_deref()?, entry.left.as_ref()?);
        let webhook = match self.api.get(id).await {
            Ok(found) => found.webhook,
            Err(error) if self.is_same_user && is_gone(&error.trouble) => {
                let _ = self.ledger.done(&entry.event).await;
                return None;
            }
            Err(error) => {
                self.failed(error);
                return None;
            }
        };
        // It is sent to the new URL before it is brought back. With another URL it is the user
        // who has brought it back or moved it.
        if webhook.status == WebhookStatus::Active && is_same(&webhook.url, &entry.url) {
            return Some(entry);
        }
        let is_own = is_same(&webhook.url, &entry.url) || is_same(&webhook.url, &left.url);
        if webhook.status == WebhookStatus::Archived && is_own {
            self.ledger.remember(&entry, id, &webhook.url).await;
        }
        let _ = self.ledger.done(&entry.event).await;
        None
    }

    async fn archive(&mut self, entries: Vec<Entry>) {
        let (api, is_same_user) = (self.api, self.is_same_user);
        let each = entries.into_iter().filter_map(|entry| {
            let id = entry.id.clone()?;
            Some(async move {
                let archived = archive(api, &id, is_same_user).await;
                (entry, id, archived)
            })
        });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        while let Some((entry, id, archived)) = each.next().await {
            match archived {
                Ok(webhook) => {
                    // Before it is done, so that a kill in between loses nothing.
                    if let Some(webhook) = webhook {
                        self.ledger.remember(&entry, &id, &webhook.url).await;
                    }
                    // Where the disk does not take it, it is archived twice.
                    let _ = self.ledger.done(&entry.event).await;
                    self.archived.push((entry.event, id));
                }
                Err(error) => self.failed(error),
            }
        }
    }

    /// Archives what was made without cmhook having been told its id.
    async fn find(&mut self, unknown: Vec<Entry>) {
        let all = match self.api.all(false).await {
            Ok(all) => all,
            Err(error) => return self.failed(error),
        };
        // Of those it is known that they were archived, so whoever brought them back was not cmhook.
        let Ok(archived) = Book::beside(self.ledger.path()).ids() else {
            return;
        };
        let mut found = Vec::new();
        for mut entry in unknown {
            let mine: Vec<&Webhook> = (all.iter())
                .filter(|webhook| self.is_of(webhook, &entry) && !archived.contains(&webhook.id))
                .collect();
            match mine[..] {
                [one] => {
                    let _ = self.ledger.made(&entry.event, &one.id).await;
                    entry.id = Some(one.id.clone());
                    found.push(entry);
                }
                [] if entry.may_still_come() => {}
                [] => {
                    let _ = self.ledger.done(&entry.event).await;
                }
                // One request makes one webhook, and so the others are somebody's.
                _ => {
                    let ids: Vec<_> = mine.iter().map(|one| &*one.id).collect();
                    self.unclear.push(self.unclear_one(&entry, &ids));
                    let _ = self.ledger.done(&entry.event).await;
                }
            }
        }
        self.archive(found).await;
    }

    /// Whether a webhook can only be the one that the entry is about.
    fn is_of(&self, webhook: &Webhook, entry: &Entry) -> bool {
        let making = (entry.event.clone(), plain(&entry.url));
        webhook.status == WebhookStatus::Active
            && webhook.event.eq_ignore_ascii_case(&entry.event)
            && is_same(&webhook.url, &entry.url)
            && !entry.before.contains(&webhook.id)
            && !self.others.ids.contains(&webhook.id)
            && !self.others.making.contains(&making)
    }

    fn failed(&mut self, error: AccountError) {
        tracing::debug!("cleaning up: {error}");
        self.failure.get_or_insert(error);
    }

    fn unclear_one(&self, entry: &Entry, ids: &[&str]) -> Warning {
        Warning {
            code: "not_archived",
            message: format!(
                "one of the webhooks {} for {} was made by an earlier run, and nothing tells which",
                ids.join(", "),
                entry.event
            ),
            hint: format!(
                "archive the one that is not yours with `{}`",
                archive_command(self.ledger.owner(), &["ID"])
            ),
        }
    }

    /// What is left to do, if anything is, and how.
    pub(super) fn left(&self) -> Option<Warning> {
        let entries = self.ledger.entries();
        let left = entries.iter().filter(|entry| !entry.is_done);
        let (made, unknown): (Vec<&Entry>, Vec<&Entry>) =
            left.partition(|entry| entry.id.is_some());
        if made.is_empty() && (unknown.is_empty() || self.failure.is_none()) {
            return None;
        }
        let why = self.failure.as_ref().map_or_else(
            || "there was no time for it".to_owned(),
            |error| error.trouble.to_string(),
        );
        let ids: Vec<&str> = (made.iter()).filter_map(|one| one.id.as_deref()).collect();
        let next = "the next `cmhook listen --register` does it too";
        let (message, hint) = match ids.len() {
            0 => (
                format!(
                    "it is not known whether {} was made: {why}",
                    names(&unknown)
                ),
                format!(
                    "the next `cmhook listen --register` archives it; `{}` lists what there is",
                    self.ledger.owner().command(&["webhooks", "list"])
                ),
            ),
            1 => (
                format!("{} is not archived: {why}", names(&made)),
                format!(
                    "this does it: `{}`; {next}",
                    archive_command(self.ledger.owner(), &ids)
                ),
            ),
            many => (
                format!("{many} webhooks are not archived: {why}"),
                format!(
                    "this does it: `{}`; {next}",
                    archive_command(self.ledger.owner(), &ids)
                ),
            ),
        };
        Some(Warning {
            code: "not_archived",
            message,
            hint,
        })
    }
}

/// `the webhook for Email.Sent`.
fn names(entries: &[&Entry]) -> String {
    match entries {
        [one] => format!("the webhook for {}", one.event),
        many => format!("each of the webhooks for {} events", many.len()),
    }
}

/// Archives a webhook, and returns it as it is then. One that is archived or gone already is
/// so; of one that is gone there is nothing to return.
async fn archive(api: &Api, id: &str, is_same_user: bool) -> Result<Option<Webhook>, AccountError> {
    let error = match api.archive(id).await {
        Ok(archived) => return Ok(Some(archived)),
        Err(error) => error,
    };
    let is_gone = |trouble: &Trouble| is_same_user && is_gone(trouble);
    if is_gone(&error.trouble) {
        return Ok(None);
    }
    // What an API says of one that is archived already is not written down anywhere.
    if matches!(
        error.trouble,
        Trouble::Invalid { .. } | Trouble::Shape { .. }
    ) {
        match api.get(id).await {
            Ok(found) if found.webhook.status == WebhookStatus::Archived => {
                return Ok(Some(found.webhook));
            }
            Err(other) if is_gone(&other.trouble) => return Ok(None),
            _ => {}
        }
    }
    Err(error)
}

const fn is_gone(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::NoWebhook { .. })
}
