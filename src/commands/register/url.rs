//! Which URL is registered.

use http::Uri;

use super::error::RegisterError;
use crate::cakemail::webhook::LONGEST_URL;
use crate::delivery::{Tunnel, words};
use crate::http::line::is_loopback;

/// The URL that webhooks are sent to, of those that lead here: the user's own, the relay's,
/// or for a sandbox on this machine the local one.
///
/// # Errors
/// Where the API cannot call any.
pub(super) fn of(
    own: Option<&str>,
    tunnel: Option<&Tunnel>,
    local: &str,
    api: &Uri,
) -> Result<String, RegisterError> {
    let is_sandbox = is_loopback(api);
    let url = match (own, tunnel) {
        (Some(own), _) => own.to_owned(),
        (None, Some(tunnel)) => tunnel.open_url().map(str::to_owned).ok_or_else(|| {
            let why = words::tunnel(tunnel, jiff::Timestamp::now());
            RegisterError::NoUrl(Some(format!("tunnel: {why}")))
        })?,
        (None, None) if is_sandbox => local.to_owned(),
        (None, None) => return Err(RegisterError::NoUrl(None)),
    };
    if !is_sandbox && !can_be_called(&url) {
        let why = format!("`{url}` is not one");
        return Err(RegisterError::NoUrl(Some(why)));
    }
    Ok(url)
}

/// Whether Cakemail takes a URL, as far as that can be seen from it.
pub(super) fn can_be_called(url: &str) -> bool {
    let is_short = url.chars().count() <= LONGEST_URL;
    let parsed = url.parse::<Uri>();
    is_short && parsed.is_ok_and(|url| url.scheme_str() == Some("https") && !is_loopback(&url))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::Phase;

    #[test]
    fn the_users_own_url_comes_first_and_the_local_one_is_for_a_sandbox() {
        let tunnel = Tunnel {
            relay: "https://r.example".into(),
            public_url: Some("https://shop.r.example".into()),
            phase: Phase::Online {
                round_trip: None,
                waiting: 0,
            },
            since: jiff::Timestamp::UNIX_EPOCH,
        };
        let lost = Tunnel {
            phase: Phase::Connecting,
            ..tunnel.clone()
        };
        let real: Uri = "https://api.cakemail.dev".parse().unwrap();
        let sandbox: Uri = "http://127.0.0.1:4500".parse().unwrap();
        let local = "http://127.0.0.1:4400/";
        let own = Some("https://own.example/x?y");
        let url = |own, tunnel, api| of(own, tunnel, local, api).ok();
        for api in [&real, &sandbox] {
            assert_eq!(url(own, Some(&tunnel), api).as_deref(), own);
            let relayed = url(None, Some(&tunnel), api);
            assert_eq!(relayed.as_deref(), Some("https://shop.r.example"));
            assert_eq!(url(None, Some(&lost), api), None);
        }
        assert_eq!(url(None, None, &sandbox).as_deref(), Some(local));
        assert_eq!(url(None, None, &real), None);
        assert_eq!(url(Some(local), None, &real), None);
        assert_eq!(url(Some(local), None, &sandbox).as_deref(), Some(local));
    }
}
