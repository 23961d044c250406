//! What the flags of several of these commands say.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::patience::{interrupted, or_signal};
use super::{Account, warn};
use crate::account::{Limit, Trouble};
use crate::cakemail::webhook::{LONGEST_URL, RatePeriod, Webhook, WebhookStatus, shown_url};
use crate::cli::PeriodArg;
use crate::commands::signals::Signals;
use crate::config::{ConfigError, shell_words};

/// A webhook's URL. Whether it is public and encrypted is for the API to judge: a sandbox
/// takes others too.
///
/// # Errors
/// Where it is none at all.
pub(super) fn url(text: &str) -> Result<&str, ConfigError> {
    const WRITE: &str = "write the whole URL: `https://shop.example.com/webhooks/cakemail`";
    let text = text.trim();
    let bad = |problem: &str, hint: &str| {
        // A password may stand before the `@`, a token behind the `?`.
        let shown = text.split(['?', '#']).next().unwrap_or_default();
        let shown = shown.rsplit_once('@').map_or(shown, |(_, host)| host);
        let shown: String = shown.chars().take(80).collect();
        ConfigError {
            message: format!("`--url {}` {problem}", shown.escape_debug()),
            hint: hint.into(),
        }
    };
    if text.chars().count() > LONGEST_URL {
        let problem = format!("… is longer than {LONGEST_URL} characters");
        return Err(bad(&problem, "Cakemail takes no longer one"));
    }
    let uri = text.parse::<http::Uri>();
    let uri = uri.map_err(|_| bad("is no URL", WRITE))?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some_and(|host| !host.is_empty()) => Ok(text),
        Some(_) => Err(bad("is neither https nor http", WRITE)),
        None => Err(bad("is not a whole URL", WRITE)),
    }
}

/// Warns of a password in a URL: no document says what Cakemail does with it.
pub(super) fn say_password(url: &str) {
    if let Cow::Owned(shown) = shown_url(url) {
        warn(&format!(
            "{shown} has a password in it: Cakemail may not send it, and whoever has the account can read it; the signature is what tells that a delivery is Cakemail's"
        ));
    }
}

/// What the flags say of the limit.
pub(super) fn limit(rate: Option<NonZeroU32>, period: Option<PeriodArg>) -> Limit {
    Limit {
        rate: rate.map(NonZeroU32::get),
        period: period.map(|period| match period {
            PeriodArg::Second => RatePeriod::Second,
            PeriodArg::Minute => RatePeriod::Minute,
            PeriodArg::Hour => RatePeriod::Hour,
            PeriodArg::Day => RatePeriod::Day,
        }),
    }
}

/// A name for webhooks, which is as good as an id to later commands.
///
/// # Errors
/// Where it is empty.
pub(super) fn name(text: Option<&str>) -> Result<Option<&str>, ConfigError> {
    let name = text.map(str::trim);
    if name == Some("") {
        return Err(ConfigError {
            message: "`--name` is empty".into(),
            hint: "give a name such as `Production`, or leave it out".into(),
        });
    }
    Ok(name)
}

/// Refuses a name that others have. Those that are all archived, or gone, lose it.
///
/// # Errors
/// Where a webhook beyond `own` has it, by name or as its id, and where a signal comes before
/// that is known.
pub(super) async fn is_free(
    name: Option<&str>,
    account: &Account,
    signals: &mut Signals,
    own: &[String],
    all: &[Webhook],
) -> anyhow::Result<()> {
    let Some(name) = name else {
        return Ok(());
    };
    if all.iter().any(|webhook| webhook.id == name) {
        return Err(ConfigError {
            message: format!("`{name}` is the id of a webhook, and so no name"),
            hint: "choose another name".into(),
        }
        .into());
    }
    let Some(group) = account.groups.named(name) else {
        return Ok(());
    };
    let is_own = account.groups.is_own(group);
    for id in group.ids.iter().filter(|id| !own.contains(id)) {
        match all.iter().find(|known| known.id == *id) {
            Some(known) if known.status == WebhookStatus::Active => {
                let update = shell_words(&["webhooks", "update", name]);
                return Err(ConfigError {
                    message: format!("`{name}` is the name of other webhooks already"),
                    hint: format!(
                        "choose another name, or change those with `cmhook {update}{}`",
                        account.flags
                    ),
                }
                .into());
            }
            Some(_) => {}
            // It is archived or gone, and nobody else's.
            None if is_own => {}
            None => is_seen(name, account, signals, id).await?,
        }
    }
    Ok(())
}

/// Whether a webhook that another user has given the name is of this account too, where one
/// that is not active does not need it. An API says of others' that they are not there.
async fn is_seen(
    name: &str,
    account: &Account,
    signals: &mut Signals,
    id: &str,
) -> anyhow::Result<()> {
    match or_signal(signals, account.api.get(id)).await {
        Some(Ok(_)) => Ok(()),
        Some(Err(error)) if matches!(error.trouble, Trouble::NoWebhook { .. }) => {
            Err(ConfigError {
                message: format!("`{name}` is the name of webhooks of another user"),
                hint: "choose another name: this account does not see them, so whether they are still there cannot be told".into(),
            }
            .into())
        }
        Some(Err(error)) => Err(error.into()),
        None => Err(interrupted().into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_whole() {
        for good in ["https://a.example/b?c=d", " http://127.0.0.1:3000 "] {
            assert_eq!(url(good).unwrap(), good.trim());
        }
        for bad in [
            "",
            "a.example",
            "a.example/b",
            "/b",
            "ftp://a",
            "https://",
            "https://a b",
        ] {
            assert!(url(bad).is_err(), "{bad}");
        }
        let error = url("user:secret@a.example/b?key=secret").unwrap_err();
        assert!(!error.message.contains("secret"), "{}", error.message);
        let long = format!("https://a.example/{}", "x".repeat(LONGEST_URL));
        assert!(url(&long).unwrap_err().message.len() < 200);
    }
}
