//! Archiving what a run has made: at its end, when it fails half-way, and in the next run
//! where it was killed.

use futures_util::StreamExt as _;
use futures_util::stream;
use tokio::time::{Instant, timeout_at};

use super::book::Kept;
use super::commands::archive_command;
use super::ledger::Ledger;
use super::ledger::look::Known;
use super::ledger::steps::{Entry, Step};
use crate::account::{AccountError, Api, Trouble};
use crate::cakemail::webhook::{Webhook, WebhookStatus};
use crate::check::public::is_same;
use crate::check::some;
use crate::delivery::Warning;

/// Requests that are under way at a time. A stop is to be short, and there are as many webhooks
/// as events.
const AT_ONCE: usize = 32;

/// Archives what a file says was made.
pub(super) struct Cleaning<'a> {
    api: &'a Api,
    ledger: &'a Ledger,
    /// Whether whoever asks now is known to be who made them: an account that does not know
    /// an id may be another one.
    is_same_user: bool,
    /// What else is cleaned up.
    held: &'a [Ledger],
    /// Events and ids of what was archived, by this run or by somebody else before.
    pub(super) archived: Vec<(String, String)>,
    /// The same of what the API does not know any more: nobody has archived it now.
    pub(super) gone: Vec<(String, String)>,
    /// Webhooks of which cmhook cannot tell whose they are.
    unclear: Vec<Warning>,
    /// The first thing that went wrong.
    failure: Option<String>,
    /// Whether it came to its end.
    is_through: bool,
    /// What goes to the disk when all is done: it may be slow, and each would wait for it.
    kept: Vec<Kept>,
    steps: Vec<Step>,
}

/// What became of a webhook.
enum End {
    /// It is archived, with this URL where it is not gone.
    Archived(Option<String>),
    /// It was not brought back, and is still archived, with this URL.
    AsLeft(String),
    /// It is the user's, or nobody's.
    NotOurs,
    Failed(AccountError),
}

impl<'a> Cleaning<'a> {
    pub(super) const fn new(
        api: &'a Api,
        ledger: &'a Ledger,
        is_same_user: bool,
        held: &'a [Ledger],
    ) -> Self {
        Self {
            api,
            ledger,
            is_same_user,
            held,
            archived: Vec::new(),
            gone: Vec::new(),
            unclear: Vec::new(),
            failure: None,
            is_through: false,
            kept: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// Archives all of it. Where this is dropped, what was archived by then is known.
    pub(super) async fn run(&mut self) {
        let (mut made, mut unknown) = (Vec::new(), Vec::new());
        for entry in self.ledger.entries() {
            match (&entry.id, &entry.left) {
                _ if entry.is_done => {}
                (None, _) => unknown.push(entry),
                // Nothing was done to it.
                (Some(_), Some(left)) if !left.is_begun => self.done(&entry, Some(&left.url)),
                (Some(_), _) => made.push(entry),
            }
        }
        self.archive(made).await;
        if !unknown.is_empty() && self.is_same_user {
            self.find(unknown).await;
        }
        self.is_through = true;
    }

    /// Writes down what was done, and removes the file where nothing is left to do. A disk that
    /// takes longer than `by` is not waited for.
    pub(super) async fn close(self, by: Option<Instant>) {
        let (ledger, kept, steps) = (self.ledger.clone(), self.kept, self.steps);
        let ending = tokio::task::spawn_blocking(move || ledger.end(kept, &steps));
        let _ = match by {
            Some(by) => timeout_at(by, ending).await.is_ok(),
            None => ending.await.is_ok(),
        };
    }

    async fn archive(&mut self, entries: Vec<Entry>) {
        let (api, is_same_user) = (self.api, self.is_same_user);
        let each = entries.into_iter().filter_map(|entry| {
            let id = entry.id.clone()?;
            Some(async move {
                let end = end_of(api, &entry, &id, is_same_user).await;
                (entry, id, end)
            })
        });
        let mut each = stream::iter(each).buffer_unordered(AT_ONCE);
        while let Some((entry, id, end)) = each.next().await {
            match end {
                End::Archived(url) => {
                    self.done(&entry, url.as_deref());
                    let whose = if url.is_some() {
                        &mut self.archived
                    } else {
                        &mut self.gone
                    };
                    whose.push((entry.event, id));
                }
                End::AsLeft(url) => self.done(&entry, Some(&url)),
                End::NotOurs => self.done(&entry, None),
                End::Failed(error) => self.failed(&error),
            }
        }
    }

    /// Nothing is left to do about it. With a URL it is there to be used again.
    fn done(&mut self, entry: &Entry, url: Option<&str>) {
        if let (Some(id), Some(url)) = (&entry.id, url) {
            self.kept.push(Kept {
                owner: self.ledger.owner().clone(),
                event: entry.event.clone(),
                id: id.clone(),
                url: url.to_owned(),
                at: entry.at,
            });
        }
        self.know(Step::Done {
            event: entry.event.clone(),
        });
    }

    fn know(&mut self, step: Step) {
        self.ledger.know(step.clone());
        self.steps.push(step);
    }

    /// Archives what was made without cmhook having been told its id.
    async fn find(&mut self, unknown: Vec<Entry>) {
        let all = match self.api.all(false).await {
            Ok(all) => all.webhooks,
            Err(error) => return self.failed(&error),
        };
        // After the list, so that whoever has made one of these has written that down.
        let known = match self.ledger.known(self.held.to_vec()).await {
            Ok(known) if !known.is_partial => known,
            _ => {
                let why = "what other listeners have made cannot be read";
                self.failure.get_or_insert_with(|| why.to_owned());
                return;
            }
        };
        let mut found = Vec::new();
        for mut entry in unknown {
            let mine: Vec<&Webhook> = (all.iter())
                .filter(|webhook| is_of(webhook, &entry, &known))
                .collect();
            match mine[..] {
                [one] => {
                    self.know(Step::Made {
                        event: entry.event.clone(),
                        id: one.id.clone(),
                    });
                    entry.id = Some(one.id.clone());
                    found.push(entry);
                }
                [] if entry.may_still_come() => {}
                [] => self.done(&entry, None),
                // One request makes one webhook, and so the others are somebody's.
                _ => {
                    let ids: Vec<_> = mine.iter().map(|one| &*one.id).collect();
                    self.unclear.push(self.unclear_one(&entry, &ids));
                    self.done(&entry, None);
                }
            }
        }
        self.archive(found).await;
    }

    fn failed(&mut self, error: &AccountError) {
        tracing::debug!("cleaning up: {error}");
        self.failure
            .get_or_insert_with(|| error.trouble.to_string());
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

    /// What is to be said of it.
    pub(super) fn words(&mut self) -> Vec<Warning> {
        let left = self.left();
        self.unclear.drain(..).chain(left).collect()
    }

    /// What is left to do, if anything is, and how.
    fn left(&self) -> Option<Warning> {
        let entries = self.ledger.entries();
        let left: Vec<&Entry> = entries.iter().filter(|entry| !entry.is_done).collect();
        if left.is_empty() {
            return None;
        }
        let (message, hint) = if self.is_same_user {
            self.left_undone(&left)
        } else {
            self.left_to_another(&left)
        };
        Some(Warning {
            code: "not_archived",
            message,
            hint,
        })
    }

    fn left_undone(&self, left: &[&Entry]) -> (String, String) {
        let (made, unknown): (Vec<&Entry>, Vec<&Entry>) =
            left.iter().partition(|entry| entry.id.is_some());
        let why = match &self.failure {
            Some(failure) => failure,
            None if self.is_through => "the API may still be at it",
            None => "there was no time for it",
        };
        let whether = format!("it is not known whether {} was made", names(&unknown));
        let ids: Vec<&str> = (made.iter()).filter_map(|one| one.id.as_deref()).collect();
        if ids.is_empty() {
            let list = self.ledger.owner().command(&["webhooks", "list"]);
            let hint = format!(
                "the next `cmhook listen --register` archives it; `{list}` lists what there is"
            );
            return (format!("{whether}: {why}"), hint);
        }
        let mut message = match ids.len() {
            1 => format!("{} is not archived: {why}", names(&made)),
            many => format!("{many} webhooks are not archived: {why}"),
        };
        if !unknown.is_empty() {
            message = format!("{message}; and {whether}");
        }
        let archive = archive_command(self.ledger.owner(), &ids);
        let hint =
            format!("this does it: `{archive}`; the next `cmhook listen --register` does it too");
        (message, hint)
    }

    /// Of what was made with another login it can be said where that stands, and no more.
    fn left_to_another(&self, left: &[&Entry]) -> (String, String) {
        let events: Vec<&str> = left.iter().map(|entry| &*entry.event).collect();
        let message = format!(
            "an earlier run with another login may have left webhooks for {}, which this login cannot archive",
            some(&events)
        );
        let hint = format!(
            "`cmhook listen --register` with that login does it; or see to them at Cakemail, and delete `{}`",
            self.ledger.path().display()
        );
        (message, hint)
    }
}

/// Whether a webhook can only be the one that the entry is about.
fn is_of(webhook: &Webhook, entry: &Entry, known: &Known) -> bool {
    webhook.status == WebhookStatus::Active
        && webhook.event.eq_ignore_ascii_case(&entry.event)
        && is_same(&webhook.url, &entry.url)
        && !entry.before.contains(&webhook.id)
        // Of those that were archived whoever brought them back was not cmhook.
        && !known.ids.contains(&webhook.id)
        && !known.is_being_made(&entry.event, &entry.url)
}

/// `the webhook for Email.Sent`.
fn names(entries: &[&Entry]) -> String {
    match entries {
        [one] => format!("the webhook for {}", one.event),
        many => format!("each of the webhooks for {} events", many.len()),
    }
}

/// Archives a webhook, unless it is not known whether it was brought back and it was not.
async fn end_of(api: &Api, entry: &Entry, id: &str, is_same_user: bool) -> End {
    if let Some(left) = &entry.left {
        let webhook = match api.get(id).await {
            Ok(found) => found.webhook,
            Err(error) if is_same_user && is_gone(&error.trouble) => return End::NotOurs,
            Err(error) => return End::Failed(error),
        };
        // It is sent to the new URL before it is brought back. With another URL it is the user
        // who has brought it back or moved it.
        let is_there = is_same(&webhook.url, &entry.url);
        let is_archived = webhook.status == WebhookStatus::Archived;
        if is_archived && (is_there || is_same(&webhook.url, &left.url)) {
            return End::AsLeft(webhook.url);
        }
        if webhook.status != WebhookStatus::Active || !is_there {
            return End::NotOurs;
        }
    }
    match archive(api, id, is_same_user).await {
        Ok(webhook) => End::Archived(webhook.map(|webhook| webhook.url)),
        Err(error) => End::Failed(error),
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
