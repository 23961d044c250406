//! What to do where a relay says no.

use http::Uri;
use http::uri::{Authority, Scheme};

use crate::config::shown_url;
use crate::http::line::on_this_machine;
use crate::link::names;

/// What was asked, as far as advice depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The relay's URL, as far as it is the relay's.
    pub(super) relay: &'a Uri,
    pub(super) has_token: bool,
}

/// Why a relay says no, where its own words are for another, and what to do about it.
pub(super) struct Advice {
    pub(super) reason: Option<String>,
    pub(super) hint: String,
}

impl Advice {
    fn hint(hint: impl Into<String>) -> Self {
        Self {
            reason: None,
            hint: hint.into(),
        }
    }

    fn instead(reason: String, hint: impl Into<String>) -> Self {
        Self {
            reason: Some(reason),
            hint: hint.into(),
        }
    }
}

/// What is to be said of this code, which came with these words.
pub(super) fn advice(code: &str, said: &str, asked: Asked<'_>) -> Advice {
    let shown = shown_url(asked.relay);
    match code {
        "no_token" => Advice::hint(format!(
            "set CMHOOK_RELAY_TOKEN, or run `cmhook relay login {shown}`"
        )),
        "bad_token" => {
            Advice::hint("ask whoever runs the relay for a new one (`cmhook relay token create`)")
        }
        "no_such_name" if !asked.has_token => Advice::instead(
            "a listener without a token cannot choose its name".into(),
            "leave `--name` out: it gets one that nobody can guess",
        ),
        "no_such_name" => Advice::hint(
            "leave `--name` out for the token's own, or have the name reserved for it (`cmhook relay name reserve`)",
        ),
        "held" => Advice::hint(
            "stop it, take the name over with `--takeover`, or have both receive with `--share`",
        ),
        "protocol" | "bad_request" => Advice::hint("use the same release at both ends"),
        "upgrade_refused" => not_the_relays(asked.relay, &shown),
        "unknown_host" => Advice::hint(its_own_name(asked.relay, said)),
        "https_only" => match said.strip_prefix("only over HTTPS: ") {
            Some(url) => Advice::instead(
                format!("{shown} only leads to HTTPS"),
                format!("write {}", url.trim_end_matches(names::PATH)),
            ),
            None => Advice::hint("write https:// and the port of its HTTPS"),
        },
        "not_found" => Advice::instead(
            format!("there is nothing for listeners at {shown}"),
            ITS_URL,
        ),
        _ => Advice::hint(ITS_URL),
    }
}

const ITS_URL: &str = "give `--relay` the URL that `cmhook relay serve` shows when it starts";

/// A relay's URL with more than that in it: most likely what a webhook is given.
fn not_the_relays(relay: &Uri, shown: &str) -> Advice {
    let scheme = relay.scheme_str().unwrap_or("https");
    let at = relay.authority().map_or("", |at| at.as_str());
    // Where it has a path, the host is the relay's; where not, its first label is a name.
    let own = match relay.path() {
        "" | "/" => at.split_once('.').map_or(at, |(_, rest)| rest),
        _ => at,
    };
    let reason = if matches!(relay.path(), "" | "/") || relay.path().starts_with("/t/") {
        format!("{shown} is a public URL, which is for senders")
    } else {
        format!("there is nothing for listeners at {shown}")
    };
    Advice::instead(
        reason,
        format!("give `--relay` the relay's own URL, {scheme}://{own}"),
    )
}

/// Where the relay goes by another name than the one that it was asked by.
fn its_own_name(relay: &Uri, said: &str) -> String {
    let domain = said.strip_prefix("this relay is for ");
    let domain = domain.and_then(|said| said.split_whitespace().next());
    let Some(domain) = domain.and_then(|domain| domain.parse::<Authority>().ok()) else {
        return ITS_URL.into();
    };
    let is_clear = relay.scheme() == Some(&Scheme::HTTP) && on_this_machine(domain.host());
    let scheme = if is_clear { "http" } else { "https" };
    format!("write {scheme}://{domain}, or have it go by this name (`cmhook relay serve --domain`)")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(relay: &str, code: &str, said: &str) -> String {
        let relay = relay.parse().unwrap();
        let asked = Asked {
            relay: &relay,
            has_token: false,
        };
        let advice = advice(code, said, asked);
        let reason = advice.reason.unwrap_or_else(|| said.into());
        format!("{reason}; {}", advice.hint)
    }

    #[test]
    fn the_right_url_is_named() {
        let upgrade = "tunnels are for requests and answers: no upgrade";
        for (relay, code, words, expected) in [
            (
                "http://127.0.0.1:4480/t/k7f2",
                "upgrade_refused",
                upgrade,
                "http://127.0.0.1:4480/t/k7f2 is a public URL, which is for senders; give `--relay` the relay's own URL, http://127.0.0.1:4480",
            ),
            (
                "https://shop.hooks.example.com:8443",
                "upgrade_refused",
                upgrade,
                "https://shop.hooks.example.com:8443 is a public URL, which is for senders; give `--relay` the relay's own URL, https://hooks.example.com:8443",
            ),
            (
                "https://hooks.example.com/relay",
                "upgrade_refused",
                upgrade,
                "there is nothing for listeners at https://hooks.example.com/relay; give `--relay` the relay's own URL, https://hooks.example.com",
            ),
            (
                "http://localhost:4480",
                "unknown_host",
                "this relay is for 127.0.0.1:4480 and was asked as localhost:4480",
                "this relay is for 127.0.0.1:4480 and was asked as localhost:4480; write http://127.0.0.1:4480, or have it go by this name (`cmhook relay serve --domain`)",
            ),
            (
                "http://127.0.0.1:4480",
                "unknown_host",
                "this relay is for hooks.example.com",
                "this relay is for hooks.example.com; write https://hooks.example.com, or have it go by this name (`cmhook relay serve --domain`)",
            ),
            (
                "http://127.0.0.1:4481",
                "https_only",
                "only over HTTPS: https://127.0.0.1:4480/connect",
                "http://127.0.0.1:4481 only leads to HTTPS; write https://127.0.0.1:4480",
            ),
            (
                "http://127.0.0.1:9480",
                "not_found",
                "there is /metrics, /healthz and /readyz",
                "there is nothing for listeners at http://127.0.0.1:9480; give `--relay` the URL that `cmhook relay serve` shows when it starts",
            ),
            (
                "http://127.0.0.1:4480",
                "no_such_name",
                "there is no name `shop` for this token",
                "a listener without a token cannot choose its name; leave `--name` out: it gets one that nobody can guess",
            ),
        ] {
            assert_eq!(said(relay, code, words), expected);
        }
    }
}
