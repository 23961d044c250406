//! Making webhooks, one for each event, and all of them or none.

use super::events::{Wanted, is_same};
use super::patience::{Doubt, interrupted, look, to_its_end};
use super::undo::{Record, Step};
use super::{Account, warn};
use crate::account::{AccountError, Limit};
use crate::cakemail::webhook::Webhook;
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

/// Makes a webhook for each of these events. What is done stands in the record, where it fails
/// too. What a glob means and the API does not send is left out, as long as there is anything.
///
/// # Errors
/// At the first that cannot be made.
pub(super) async fn make(
    account: &Account,
    signals: &mut Signals,
    wanted: &[Wanted],
    plan: Plan<'_>,
    record: &mut Record,
) -> anyhow::Result<()> {
    let mut refused: Option<AccountError> = None;
    let mut left_out = Vec::new();
    let before = record.steps.len();
    for one in wanted {
        let event = &*one.event;
        let creating = account.api.create(event, plan.url, plan.limit);
        let mut called = to_its_end(signals, creating).await;
        match called.answer.take() {
            Some(Ok(webhook)) => {
                record.steps.push(Step::Created(webhook));
            }
            Some(Err(error)) if one.by_glob && error.trouble.is_of_event() => {
                left_out.push(event);
                refused = refused.or(Some(error));
            }
            answer => {
                called.answer = answer;
                find(account, signals, event, plan, called.doubt(), record).await;
                return called.result().map(|_| ());
            }
        }
        if called.is_interrupted {
            return Err(interrupted().into());
        }
    }
    let Some(error) = refused else {
        return Ok(());
    };
    if record.steps.len() == before && plan.others == 0 {
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

/// Finds out whether one was made though no answer said so, and if so puts it among the steps.
async fn find(
    account: &Account,
    signals: &mut Signals,
    event: &str,
    plan: Plan<'_>,
    doubt: Doubt,
    record: &mut Record,
) {
    let is_known = |webhook: &Webhook, steps: &[Step]| {
        plan.before.iter().any(|known| known.id == webhook.id)
            || steps.iter().any(|step| step.webhook().id == webhook.id)
    };
    let steps = std::cell::RefCell::new(std::mem::take(&mut record.steps));
    let is_certain = look(signals, doubt, || async {
        let all = account.api.all(false).await.ok()?;
        let mut steps = steps.borrow_mut();
        let before = steps.len();
        for webhook in all.webhooks {
            let is_it = webhook.url == plan.url && is_same(event, &webhook.event);
            if is_it && !is_known(&webhook, &steps) {
                steps.push(Step::Created(webhook));
            }
        }
        let is_found = steps.len() > before;
        // It may be one of those that make no sense.
        (is_found || all.unread.is_empty()).then_some(is_found)
    });
    let is_certain = is_certain.await;
    record.steps = steps.into_inner();
    if !is_certain {
        record.unsure.push(format!(
            "one for {event} may have been made all the same, `cmhook webhooks list{}` tells",
            account.flags
        ));
    }
}
