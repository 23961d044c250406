//! Archiving what a run has made: at its end, when it fails half-way, and in the next run
//! where it was killed.

use futures_util::StreamExt as _;
use futures_util::stream;

use super::ledger::{Entry, Ledger, Others};
use crate::account::{AccountError, Api, Trouble};
use crate::cakemail::webhook::{Webhook, WebhookStatus};
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
        let (made, unknown): (Vec<Entry>, Vec<Entry>) = (self.ledger.entries().into_iter())
            .filter(|entry| !entry.is_done)
            .partition(|entry| entry.id.is_some());
        let made = made.into_iter();
        let made = made.filter_map(|entry| Some((entry.event, entry.id?)));
        self.archive(made.collect()).await;
        if !unknown.is_empty() && self.is_same_user {
            self.find(unknown).await;
        }
    }

    async fn archive(&mut self, webhooks: Vec<(String, String)>) {
        let (api, is_same_user) = (self.api, self.is_same_user);
        let each = webhooks.into_iter().map(|(event, id)| async move {
            let archived = archive(api, &id, is_same_user).await;
            (event, id, archived)
        });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        while let Some((event, id, archived)) = each.next().await {
            match archived {
                Ok(()) => {
                    // Where the disk does not take it, it is archived twice.
                    let _ = self.ledger.done(&event).await;
                    self.archived.push((event, id));
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
        let mut found = Vec::new();
        for entry in unknown {
            let mine: Vec<&Webhook> = (all.iter())
                .filter(|webhook| self.is_of(webhook, &entry))
                .collect();
            match mine[..] {
                [one] => {
                    let _ = self.ledger.made(&entry.event, &one.id).await;
                    found.push((entry.event, one.id.clone()));
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
        let making = (entry.event.clone(), entry.url.clone());
        webhook.status == WebhookStatus::Active
            && webhook.event.eq_ignore_ascii_case(&entry.event)
            && webhook.url == entry.url
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
                "one of the webhooks {} for {} was made by a cmhook that was killed, and nothing tells which",
                ids.join(", "),
                entry.event
            ),
            hint: format!(
                "archive the one that is not yours with `{}`",
                self.command(&["ID"])
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
                format!("this does it: `{}`; {next}", self.command(&ids)),
            ),
            many => (
                format!("{many} webhooks are not archived: {why}"),
                format!("this does it: `{}`; {next}", self.command(&ids)),
            ),
        };
        Some(Warning {
            code: "not_archived",
            message,
            hint,
        })
    }

    /// The command that archives these.
    fn command(&self, ids: &[&str]) -> String {
        let words = [&["webhooks", "archive"], ids].concat();
        self.ledger.owner().command(&words)
    }
}

/// `the webhook for Email.Sent`.
fn names(entries: &[&Entry]) -> String {
    match entries {
        [one] => format!("the webhook for {}", one.event),
        many => format!("each of the webhooks for {} events", many.len()),
    }
}

/// Archives a webhook. One that is archived or gone already is so.
async fn archive(api: &Api, id: &str, is_same_user: bool) -> Result<(), AccountError> {
    let Err(error) = api.archive(id).await else {
        return Ok(());
    };
    let is_gone = |trouble: &Trouble| is_same_user && matches!(trouble, Trouble::NoWebhook { .. });
    if is_gone(&error.trouble) {
        return Ok(());
    }
    // What an API says of one that is archived already is not written down anywhere.
    if matches!(
        error.trouble,
        Trouble::Invalid { .. } | Trouble::Shape { .. }
    ) {
        match api.get(id).await {
            Ok(found) if found.webhook.status == WebhookStatus::Archived => return Ok(()),
            Err(other) if is_gone(&other.trouble) => return Ok(()),
            _ => {}
        }
    }
    Err(error)
}
