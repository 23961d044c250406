//! Undoing what was done, where not all of it could be.

use super::Account;
use super::patience::or_signal;
use crate::account::{AccountError, Limit, Trouble};
use crate::cakemail::webhook::{Webhook, WebhookStatus, shown_url};
use crate::commands::signals::Signals;

/// One thing that was done.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// This is there now.
    Created(Webhook),
    /// This was archived.
    Unarchived(Webhook),
    /// This is how it was.
    Changed(Webhook),
    /// This was active.
    Archived(Webhook),
}

/// What was done so far.
#[derive(Debug, Default)]
pub(super) struct Record {
    pub(super) steps: Vec<Step>,
    /// What may be done besides, and how to see whether it is.
    pub(super) unsure: Vec<String>,
}

impl Step {
    /// Which webhook it is about.
    pub(super) const fn webhook(&self) -> &Webhook {
        match self {
            Self::Created(webhook)
            | Self::Unarchived(webhook)
            | Self::Changed(webhook)
            | Self::Archived(webhook) => webhook,
        }
    }

    /// Whether a webhook that is like that now has seen it.
    pub(super) fn is_done(&self, now: &Webhook) -> bool {
        let is_active = now.status == WebhookStatus::Active;
        match self {
            Self::Created(_) | Self::Unarchived(_) => is_active,
            Self::Archived(_) => !is_active,
            Self::Changed(was) => {
                (&was.url, was.rate_limit, was.rate_limit_period)
                    != (&now.url, now.rate_limit, now.rate_limit_period)
            }
        }
    }

    /// The command that undoes it, without what names the account.
    fn command(&self) -> String {
        let Webhook { id, url, .. } = self.webhook();
        let url = shown_url(url);
        match self {
            Self::Created(_) | Self::Unarchived(_) => format!("cmhook webhooks archive {id}"),
            Self::Archived(_) => format!("cmhook webhooks unarchive {id}"),
            Self::Changed(webhook) => format!(
                "cmhook webhooks update {id} -u '{url}' --rate-limit {} --rate-limit-period {}",
                webhook.rate_limit.unwrap_or_default(),
                webhook.rate_limit_period.unwrap_or_default()
            ),
        }
    }

    async fn undo(&self, account: &Account) -> Result<Webhook, AccountError> {
        let webhook = self.webhook();
        let api = &account.api;
        match self {
            Self::Created(_) | Self::Unarchived(_) => api.archive(&webhook.id).await,
            Self::Archived(_) => api.unarchive(&webhook.id).await,
            Self::Changed(_) => {
                let limit = Limit {
                    rate: webhook.rate_limit,
                    period: webhook.rate_limit_period,
                };
                api.patch(&webhook.id, Some(&webhook.url), limit).await
            }
        }
    }
}

/// What is said where all of it could be undone.
pub(super) struct Words<'a> {
    /// And there was no more.
    pub(super) all: &'a str,
    /// And there may be more.
    pub(super) but: &'a str,
}

/// Undoes these steps, the newest first, and puts in front of the error what came of that.
pub(super) async fn undone(
    account: &Account,
    signals: &mut Signals,
    record: &Record,
    error: anyhow::Error,
    words: Words<'_>,
) -> anyhow::Error {
    let left = left(account, signals, &record.steps).await;
    let unsure = record.unsure.join(", and ");
    if left.is_empty() {
        return match (record.steps.is_empty(), unsure.is_empty()) {
            (true, true) => error,
            (true, false) => error.context(unsure),
            (false, true) => error.context(words.all.to_owned()),
            (false, false) => error.context(format!("{}, but {unsure}", words.but)),
        };
    }
    let commands: Vec<_> = left
        .iter()
        .map(|step| format!("`{}{}`", step.command(), account.flags))
        .collect();
    let ids: Vec<_> = left.iter().map(|step| &*step.webhook().id).collect();
    let mut said = format!(
        "what was done to {} could not be undone, which is for you to do with {}",
        ids.join(", "),
        commands.join(" and ")
    );
    if !unsure.is_empty() {
        said = format!("{said}, and {unsure}");
    }
    error.context(said)
}

/// Undoes what can be undone, and gives what is left.
async fn left<'s>(account: &Account, signals: &mut Signals, steps: &'s [Step]) -> Vec<&'s Step> {
    let mut left = Vec::new();
    let mut gone = false;
    for step in steps.iter().rev() {
        // An API that is away is not asked for each of them.
        let undone = if gone {
            None
        } else {
            or_signal(signals, step.undo(account)).await
        };
        match undone {
            Some(Ok(_)) => {}
            // What is not there needs no undoing.
            Some(Err(error)) if matches!(error.trouble, Trouble::NoWebhook { .. }) => {}
            Some(Err(error)) => {
                gone = is_gone(&error.trouble);
                left.push(step);
            }
            // Whoever asks for a stop twice is in a hurry.
            None => {
                gone = true;
                left.push(step);
            }
        }
    }
    left
}

const fn is_gone(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::Unconnected(_)
            | Trouble::HungUp { .. }
            | Trouble::Silent { .. }
            | Trouble::Token { .. }
            | Trouble::LoginOver { .. }
            | Trouble::TooMany { .. }
    )
}
