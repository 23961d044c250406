//! Webhooks with their keys, which the API shows one by one.

use futures_util::{StreamExt as _, stream};

use super::{Account, warn};
use crate::account::{AccountError, Keyed, Trouble};

/// So many are asked for at a time.
const AT_ONCE: usize = 4;

/// These webhooks, in this order. Of several those that are not there are left out with a
/// warning, as long as one is.
///
/// # Errors
/// At the first that the API does not give.
pub(super) async fn fetch(account: &Account, ids: &[String]) -> Result<Vec<Keyed>, AccountError> {
    all_but(account, ids, |trouble| {
        matches!(trouble, Trouble::NoWebhook { .. })
    })
    .await
}

/// The same, where those that the API does not give for another reason are left out too.
///
/// # Errors
/// Where it gives none.
pub(super) async fn fetch_some(
    account: &Account,
    ids: &[String],
) -> Result<Vec<Keyed>, AccountError> {
    all_but(account, ids, |_| true).await
}

async fn all_but(
    account: &Account,
    ids: &[String],
    is_left_out: impl Fn(&Trouble) -> bool,
) -> Result<Vec<Keyed>, AccountError> {
    let each = ids.iter().cloned().map(|id| {
        let api = account.api.clone();
        async move { api.get(&id).await }
    });
    let mut each = stream::iter(each).buffered(AT_ONCE);
    let mut all = Vec::new();
    let mut missing = Vec::new();
    while let Some(one) = each.next().await {
        match one {
            Ok(keyed) => all.push(keyed),
            Err(error) if is_left_out(&error.trouble) => missing.push(error),
            Err(error) => return Err(error),
        }
    }
    if all.is_empty()
        && let Some(error) = missing.pop()
    {
        return Err(error);
    }
    for error in missing {
        warn(&error.to_string());
    }
    Ok(all)
}
