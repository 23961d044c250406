//! Making webhooks, one for each event, and all of them or none.

use std::future::Future;

use super::events::{Wanted, is_same};
use super::undo::Step;
use super::{Account, warn};
use crate::account::{AccountError, Limit, Trouble};
use crate::cakemail::webhook::Webhook;
use crate::commands::listener_client::ApiError;
use crate::commands::signals::Signals;

/// What all of them have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan<'a> {
    pub(super) url: &'a str,
    pub(super) limit: Limit,
    /// Those that were there before.
    pub(super) before: &'a [Webhook],
    /// How many others there are beside what is made: without any, one at least must be.
    pub(super) others: usize,
}

/// Makes a webhook for each of these events. What is done stands in `steps`, where it fails
/// too. What a glob means and the API does not send is left out, as long as there is anything.
///
/// # Errors
/// At the first that cannot be made.
pub(super) async fn make(
    account: &Account,
    signals: &mut Signals,
    wanted: &[Wanted],
    plan: Plan<'_>,
    steps: &mut Vec<Step>,
) -> anyhow::Result<()> {
    let mut refused: Option<AccountError> = None;
    let mut left_out = Vec::new();
    let before = steps.len();
    for one in wanted {
        let event = &*one.event;
        let creating = account.api.create(event, plan.url, plan.limit);
        let error = match or_signal(signals, creating).await {
            Some(Ok(webhook)) => {
                steps.push(Step::Created(webhook));
                continue;
            }
            Some(Err(error)) => error,
            None => {
                find_unanswered(account, signals, event, plan, steps).await;
                return Err(interrupted().into());
            }
        };
        if one.by_glob && error.trouble.is_of_event() {
            left_out.push(event);
            refused = refused.or(Some(error));
            continue;
        }
        if may_be_done(&error.trouble) {
            find_unanswered(account, signals, event, plan, steps).await;
        }
        return Err(error.into());
    }
    let Some(error) = refused else {
        return Ok(());
    };
    if steps.len() == before && plan.others == 0 {
        return Err(error.into());
    }
    let they_are = if left_out.len() == 1 { "is" } else { "are" };
    warn(&format!(
        "{} {they_are} left out: {}",
        left_out.join(", "),
        error.trouble
    ));
    Ok(())
}

/// What comes of it; `None` where a signal comes first.
pub(super) async fn or_signal<T>(
    signals: &mut Signals,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        done = future => Some(done),
        () = signals.next() => None,
    }
}

pub(super) fn interrupted() -> ApiError {
    ApiError {
        code: "interrupted".into(),
        message: "it was interrupted".into(),
        hint: String::new(),
    }
}

/// Whether it may have happened all the same.
pub(super) fn may_be_done(trouble: &Trouble) -> bool {
    match trouble {
        Trouble::HungUp { .. } | Trouble::Silent { .. } | Trouble::Server { .. } => true,
        Trouble::NotJson { status, .. } | Trouble::Shape { status, .. } => *status < 300,
        _ => false,
    }
}

/// Finds out whether one was made though no answer said so, and if so puts it among the steps.
async fn find_unanswered(
    account: &Account,
    signals: &mut Signals,
    event: &str,
    plan: Plan<'_>,
    steps: &mut Vec<Step>,
) {
    let Some(Ok(all)) = or_signal(signals, account.api.all(false)).await else {
        return;
    };
    for webhook in all.webhooks {
        let known = plan.before.iter().any(|known| known.id == webhook.id)
            || steps.iter().any(|step| step.webhook().id == webhook.id);
        if !known && webhook.url == plan.url && is_same(event, &webhook.event) {
            steps.push(Step::Created(webhook));
        }
    }
}
