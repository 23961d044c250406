//! What the flags of several of these commands say.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::{Account, warn};
use crate::account::Limit;
use crate::cakemail::webhook::{LONGEST_URL, RatePeriod, Webhook, WebhookStatus, shown_url};
use crate::cli::PeriodArg;
use crate::config::{ConfigError, command};

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
/// Where a webhook beyond `own` has it, by name or as its id.
pub(super) fn is_free(
    name: Option<&str>,
    account: &Account,
    own: &[String],
    all: &[Webhook],
) -> Result<(), ConfigError> {
    let Some(name) = name else {
        return Ok(());
    };
    let others = account.groups.named(name).map(|group| &group.ids[..]);
    let is_other = |id: &String| {
        let active = |webhook: &Webhook| webhook.status == WebhookStatus::Active;
        !own.contains(id) && all.iter().any(|known| known.id == *id && active(known))
    };
    let taken: Vec<_> = others
        .unwrap_or_default()
        .iter()
        .filter(|id| is_other(id))
        .collect();
    let is_id = all.iter().any(|webhook| webhook.id == name);
    if taken.is_empty() && !is_id {
        return Ok(());
    }
    Err(ConfigError {
        message: if is_id {
            format!("`{name}` is the id of a webhook, and so no name")
        } else {
            format!("`{name}` is the name of other webhooks already")
        },
        hint: if is_id {
            "choose another name".into()
        } else {
            format!(
                "choose another name, or change those with `{}{}`",
                command(&["webhooks", "update", name]),
                account.flags
            )
        },
    })
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
