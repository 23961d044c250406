//! Undoing what was done, where not all of it could be.

use super::Account;
use super::make::or_signal;
use crate::account::{AccountError, Limit, Trouble};
use crate::cakemail::webhook::{Webhook, shown_url};
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

/// Undoes these steps, the newest first, and puts in front of the error what came of that.
pub(super) async fn undone(
    account: &Account,
    signals: &mut Signals,
    steps: &[Step],
    error: anyhow::Error,
    all: &str,
) -> anyhow::Error {
    if steps.is_empty() {
        return error;
    }
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
    if left.is_empty() {
        return error.context(all.to_owned());
    }
    let commands: Vec<_> = left
        .iter()
        .map(|step| format!("`{}{}`", step.command(), account.flags))
        .collect();
    let ids: Vec<_> = left.iter().map(|step| &*step.webhook().id).collect();
    error.context(format!(
        "what was done to {} could not be undone, which is for you to do with {}",
        ids.join(", "),
        commands.join(" and ")
    ))
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
