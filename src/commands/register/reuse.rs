//! Using a webhook again that an earlier run has archived: it keeps its key, and the account
//! does not fill with archived ones.

use super::error::RegisterError;
use super::ledger::Ledger;
use super::making::{Made, not_written};
use super::stop::Stop;
use crate::account::{AccountError, Api, Limit, Trouble};
use crate::cakemail::webhook::WebhookStatus;
use crate::check::public::is_same;

/// Brings one back for this event and URL. `None` where there is none that can be.
///
/// # Errors
/// Where the API does not do its part. What was taken is in the ledger.
pub(super) async fn again(
    api: &Api,
    ledger: &Ledger,
    event: &str,
    url: &str,
    before: &[String],
    stop: &Stop,
) -> Result<Option<Made>, RegisterError> {
    loop {
        let taken = ledger.take(event, url, before.to_vec()).await;
        let Some(kept) = taken.map_err(|error| not_written(ledger, error))? else {
            return Ok(None);
        };
        let found = tokio::select! {
            found = api.get(&kept.id) => found,
            // Nothing is done to it yet.
            () = stop.asked() => return Ok(None),
        };
        let found = match found {
            Ok(found) => found,
            Err(error) => {
                forget(ledger, event, error).await?;
                continue;
            }
        };
        let webhook = &found.webhook;
        let is_as_it_was = webhook.status == WebhookStatus::Archived
            && webhook.event.eq_ignore_ascii_case(event)
            && is_same(&webhook.url, &kept.url);
        if !is_as_it_was {
            // The user has made something else of it, and so it is the user's.
            tracing::debug!("the webhook {} was changed since", kept.id);
            let _ = ledger.done(event).await;
            continue;
        }
        let written = ledger.bring(&kept.id).await;
        written.map_err(|error| not_written(ledger, error))?;
        if let Err(error) = bring(api, ledger, (&kept.id, &kept.url), url).await {
            forget(ledger, event, error).await?;
            continue;
        }
        let _ = ledger.back(&kept.id).await;
        return Ok(Some(Made {
            event: event.to_owned(),
            id: kept.id,
            key: found.key,
            is_reused: true,
        }));
    }
}

/// The URL first: until it is brought back, nothing is sent to the old one.
async fn bring(
    api: &Api,
    ledger: &Ledger,
    (id, left): (&str, &str),
    url: &str,
) -> Result<(), AccountError> {
    if !is_same(left, url) {
        let moved = api.patch(id, Some(url), Limit::default()).await?;
        if is_same(&moved.url, left) {
            let trouble = Trouble::Invalid {
                status: 200,
                said: "the URL is still the old one".into(),
                fields: Vec::new(),
            };
            return Err(trouble.while_doing(format!("update the webhook {id}")));
        }
        if moved.url != url {
            // The API writes it in its own way.
            let _ = ledger.moved(id, &moved.url).await;
        }
    }
    api.unarchive(id).await.map(drop)
}

/// Gives one up of which the API wants nothing to be made, and goes on without it.
async fn forget(ledger: &Ledger, event: &str, error: AccountError) -> Result<(), RegisterError> {
    match &error.trouble {
        // With another URL it is of use again.
        Trouble::Invalid { fields, .. } if fields.iter().any(|field| field == "url") => {
            Err(RegisterError::Api(error))
        }
        Trouble::NoWebhook { .. } | Trouble::Invalid { .. } => {
            tracing::debug!("not used again: {error}");
            let _ = ledger.done(event).await;
            Ok(())
        }
        _ => Err(RegisterError::Api(error)),
    }
}
