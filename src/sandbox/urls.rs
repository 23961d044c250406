//! What a webhook's URL may be, in pydantic's words.

use std::net::IpAddr;

use http::Uri;
use serde_json::{Value, json};

use super::answer::Mistakes;
use super::checks::Rules;
use crate::cakemail::webhook::LONGEST_URL;

/// The URL that was given, checked.
pub(super) fn url_of(given: &Value, rules: Rules, mistakes: &mut Mistakes) -> Option<String> {
    let at = ["body", "url"];
    let Value::String(text) = given else {
        mistakes.add(&at, "type_error.str", "str type expected");
        return None;
    };
    let text = text.trim();
    if text.chars().count() > LONGEST_URL {
        let message = format!("ensure this value has at most {LONGEST_URL} characters");
        let context = json!({ "limit_value": LONGEST_URL });
        mistakes.add_with(&at, "value_error.any_str.max_length", &message, &context);
        return None;
    }
    match check_url(text, rules.strict_urls) {
        Ok(()) => Some(text.to_owned()),
        Err(("value_error.url.scheme", message @ "URL scheme not permitted")) => {
            let allowed: &[&str] = if rules.strict_urls {
                &["https"]
            } else {
                &["http", "https"]
            };
            let context = json!({ "allowed_schemes": allowed });
            mistakes.add_with(&at, "value_error.url.scheme", message, &context);
            None
        }
        Err((kind, message)) => {
            mistakes.add(&at, kind, message);
            None
        }
    }
}

/// Pydantic's word and sentence for what is wrong with a webhook's URL.
fn check_url(text: &str, strict: bool) -> Result<(), (&'static str, &'static str)> {
    const HOST: (&str, &str) = ("value_error.url.host", "URL host invalid");
    let missing = ("value_error.url.scheme", "invalid or missing URL scheme");
    let (scheme, _) = text.split_once("://").ok_or(missing)?;
    let is_word = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    if scheme.is_empty() || !scheme.chars().all(is_word) {
        return Err(missing);
    }
    let is_https = scheme.eq_ignore_ascii_case("https");
    if !is_https && (strict || !scheme.eq_ignore_ascii_case("http")) {
        return Err(("value_error.url.scheme", "URL scheme not permitted"));
    }
    let uri: Uri = text.parse().map_err(|_| HOST)?;
    let authority = uri.authority().ok_or(HOST)?;
    let host = authority.host().trim_matches(['[', ']']);
    if host.is_empty() || host.contains('%') {
        return Err(HOST);
    }
    let after_user = authority.as_str().rsplit('@').next().unwrap_or_default();
    let has_port = after_user.len() > authority.host().len();
    if has_port && authority.port_u16().is_none_or(|port| port == 0) {
        let message = "URL port invalid, port cannot exceed 65535";
        return Err(("value_error.url.port", message));
    }
    if strict && !is_public(host) {
        return Err((
            "value_error.url.host",
            "URL host invalid, it must be public",
        ));
    }
    Ok(())
}

/// Whether the world may know that host. Names are not looked up.
fn is_public(host: &str) -> bool {
    let Ok(ip) = host.parse::<IpAddr>() else {
        let name = host.trim_end_matches('.').to_ascii_lowercase();
        let end = name.rsplit_once('.').map(|(_, end)| end);
        return end.is_some_and(|end| !["localhost", "local", "internal", "test"].contains(&end));
    };
    match ip.to_canonical() {
        IpAddr::V4(ip) => {
            let [first, second, ..] = ip.octets();
            let shared = first == 100 && (64..128).contains(&second);
            !(ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_broadcast()
                || ip.is_multicast()
                || first == 0
                || shared)
        }
        IpAddr::V6(ip) => {
            !(ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn urls_are_what_http_can_be_sent_to() {
        for (url, lenient, strict) in [
            ("https://example.com/hook?a=b", true, true),
            ("https://user:pass@example.com:8443/", true, true),
            ("HTTPS://EXAMPLE.COM", true, true),
            ("https://8.8.8.8/", true, true),
            ("http://example.com/", true, false),
            ("http://localhost:3000/webhooks", true, false),
            ("https://localhost/", true, false),
            ("https://intranet/", true, false),
            ("https://10.1.2.3/", true, false),
            ("https://[::1]:1/", true, false),
            ("https://[::ffff:192.168.0.1]/", true, false),
            ("ftp://example.com/", false, false),
            ("example.com", false, false),
            ("https://", false, false),
            ("https:///path", false, false),
            ("https://exa mple.com/", false, false),
            ("https://example.com:99999/", false, false),
            ("https://example.com:0/", false, false),
            ("://example.com", false, false),
            ("", false, false),
        ] {
            assert_eq!(check_url(url, false).is_ok(), lenient, "{url}");
            assert_eq!(check_url(url, true).is_ok(), strict, "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_url_is_too_odd(url in "(https?|[a-z]{0,3})(://)?\\PC{0,40}") {
            if check_url(&url, false).is_ok() {
                let uri: Uri = url.parse().unwrap();
                prop_assert!(uri.host().is_some_and(|host| !host.is_empty()));
            }
        }
    }
}
