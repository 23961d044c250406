//! Whether what a client sends makes sense, and what is said where it does not: FastAPI's
//! words for that, as of pydantic 1.

use std::net::IpAddr;

use http::header::{self, HeaderMap};
use http::{StatusCode, Uri};
use serde_json::{Map, Value, json};

use super::answer::{Mistakes, No};
use super::book::{Change, NewWebhook};
use crate::cakemail::event::{NAMES, is_of_the_api};
use crate::cakemail::webhook::{LONGEST_URL, RATE_LIMIT, RatePeriod};

/// How strict it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rules {
    /// URLs must be `https` and public, as the real API wants them.
    pub strict_urls: bool,
    /// Only the events that the official SDK's generated type for creating has.
    pub narrow_events: bool,
}

/// Of the API's events those that the generated type of the official SDK 2.2.0 for creating a
/// webhook lacks.
const BEYOND_THE_SDK: &[&str] = &[
    "Contact.Tagged",
    "Contact.Untagged",
    "Email.Sent",
    "Email.Opened",
    "Email.ReportedAsSpam",
    "Email.Unsubscribed",
    "Email.GlobalUnsubscribed",
    "Email.Submitted",
    "Email.Queued",
    "Email.Rejected",
    "Email.Processing",
    "Email.Delivered",
    "Email.Error",
    "User.LoggedIn",
    "MFA.RecoveryCodesViewed",
    "MFA.ChallengeIssued",
    "MFA.ChallengeCompleted",
    "MFA.MethodAdded",
    "MFA.MethodActivated",
    "MFA.MethodDeleted",
];

impl Rules {
    /// The events that a webhook may have.
    fn events(self) -> impl Iterator<Item = &'static str> {
        let names = NAMES.iter().copied().filter(|name| is_of_the_api(name));
        names.filter(move |name| !self.narrow_events || !BEYOND_THE_SDK.contains(name))
    }
}

/// The fields of a JSON body. What is wrong with it as a whole goes to `mistakes`.
///
/// # Errors
/// 400 where it is no text.
pub(super) fn fields(
    body: &[u8],
    headers: &HeaderMap,
    mistakes: &mut Mistakes,
) -> Result<Option<Map<String, Value>>, No> {
    if body.is_empty() {
        mistakes.add(&["body"], "value_error.missing", "field required");
        return Ok(None);
    }
    let not_json = |mistakes: &mut Mistakes| {
        let message = "value is not a valid dict";
        mistakes.add(&["body"], "type_error.dict", message);
        Ok(None)
    };
    if !is_json(headers) {
        return not_json(mistakes);
    }
    let Ok(text) = std::str::from_utf8(body) else {
        let detail = "There was an error parsing the body";
        return Err(No::new(StatusCode::BAD_REQUEST, detail));
    };
    match serde_json::from_str(text) {
        Ok(Value::Object(fields)) => Ok(Some(fields)),
        Ok(_) => not_json(mistakes),
        Err(error) => {
            let lines = text.split_inclusive('\n').take(error.line().max(1) - 1);
            let before: usize = lines.map(|line| line.chars().count()).sum();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = error.to_string();
            let message = message.strip_suffix(&place).unwrap_or(&message);
            mistakes.add_json(before + error.column().max(1) - 1, message);
            Ok(None)
        }
    }
}

/// Whether the body says that it is JSON, or nothing.
fn is_json(headers: &HeaderMap) -> bool {
    let Some(kind) = headers.get(header::CONTENT_TYPE) else {
        return true;
    };
    let kind = kind.to_str().unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    let Some((main, sub)) = kind.split_once('/') else {
        return false;
    };
    let sub = sub.to_ascii_lowercase();
    main.eq_ignore_ascii_case("application") && (sub == "json" || sub.ends_with("+json"))
}

/// The webhook that a body asks for.
///
/// # Errors
/// The answer where it cannot be made.
pub(super) fn new_webhook(
    body: &[u8],
    headers: &HeaderMap,
    rules: Rules,
) -> Result<NewWebhook, No> {
    let mut mistakes = Mistakes::default();
    let given = fields(body, headers, &mut mistakes)?;
    let mut made = None;
    if let Some(given) = given {
        let event = event(given.get("event"), rules, &mut mistakes);
        let url = match given.get("url") {
            None => {
                mistakes.add(&["body", "url"], "value_error.missing", "field required");
                None
            }
            Some(Value::Null) => {
                let message = "none is not an allowed value";
                mistakes.add(&["body", "url"], "type_error.none.not_allowed", message);
                None
            }
            Some(url) => url_of(url, rules, &mut mistakes),
        };
        let (limit, period) = rate(&given, &mut mistakes);
        made = event.zip(url).map(|(event, url)| NewWebhook {
            event,
            url,
            rate_limit: limit.unwrap_or(RATE_LIMIT),
            rate_limit_period: period.unwrap_or_default(),
        });
    }
    mistakes.check()?;
    made.ok_or_else(|| No::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Entity"))
}

/// What a body wants to be another.
///
/// # Errors
/// The answer where it cannot be.
pub(super) fn change(body: &[u8], headers: &HeaderMap, rules: Rules) -> Result<Change, No> {
    let mut mistakes = Mistakes::default();
    let given = fields(body, headers, &mut mistakes)?.unwrap_or_default();
    let url = given.get("url").filter(|url| !url.is_null());
    let url = url.and_then(|url| url_of(url, rules, &mut mistakes));
    let (rate_limit, rate_limit_period) = rate(&given, &mut mistakes);
    mistakes.check()?;
    Ok(Change {
        url,
        rate_limit,
        rate_limit_period,
    })
}

fn event(given: Option<&Value>, rules: Rules, mistakes: &mut Mistakes) -> Option<&'static str> {
    let at = ["body", "event"];
    let Some(given) = given else {
        mistakes.add(&at, "value_error.missing", "field required");
        return None;
    };
    if given.is_null() {
        let message = "none is not an allowed value";
        mistakes.add(&at, "type_error.none.not_allowed", message);
        return None;
    }
    let found = rules.events().find(|name| given == name);
    if found.is_none() {
        let permitted: Vec<_> = rules.events().collect();
        let quoted: Vec<_> = permitted.iter().map(|name| format!("'{name}'")).collect();
        let message = format!(
            "value is not a valid enumeration member; permitted: {}",
            quoted.join(", ")
        );
        let context = json!({ "enum_values": permitted });
        mistakes.add_with(&at, "type_error.enum", &message, &context);
    }
    found
}

fn rate(given: &Map<String, Value>, mistakes: &mut Mistakes) -> (Option<u32>, Option<RatePeriod>) {
    let of = |name: &str| given.get(name).filter(|value| !value.is_null());
    let limit = of("rate_limit").and_then(|value| {
        let at = ["body", "rate_limit"];
        let Some(number) = whole(value) else {
            mistakes.add(&at, "type_error.integer", "value is not a valid integer");
            return None;
        };
        if number < 1 {
            let message = "ensure this value is greater than 0";
            let context = json!({ "limit_value": 0 });
            mistakes.add_with(&at, "value_error.number.not_gt", message, &context);
            return None;
        }
        match u32::try_from(number)
            .ok()
            .filter(|n| i32::try_from(*n).is_ok())
        {
            None => {
                let message = format!("ensure this value is less than or equal to {}", i32::MAX);
                let context = json!({ "limit_value": i32::MAX });
                mistakes.add_with(&at, "value_error.number.not_le", &message, &context);
                None
            }
            limit => limit,
        }
    });
    let period = of("rate_limit_period").and_then(|value| {
        let known = [RatePeriod::Second, RatePeriod::Minute];
        let found = known.into_iter().find(|period| *value == period.name());
        if found.is_none() {
            let message = "value is not a valid enumeration member; permitted: 'second', 'minute'";
            let context = json!({ "enum_values": ["second", "minute"] });
            let at = ["body", "rate_limit_period"];
            mistakes.add_with(&at, "type_error.enum", message, &context);
        }
        found
    });
    (limit, period)
}

/// What pydantic 1 takes for a whole number: a text of one too, and `true`.
fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Bool(is) => Some(i64::from(*is)),
        Value::String(text) => text.trim().parse().ok(),
        Value::Number(number) => number.as_i64().or_else(|| {
            let float = number.as_f64()?.trunc();
            #[expect(
                clippy::cast_possible_truncation,
                reason = "it saturates, which is refused"
            )]
            Some(float as i64)
        }),
        _ => None,
    }
}

fn url_of(given: &Value, rules: Rules, mistakes: &mut Mistakes) -> Option<String> {
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
    fn the_sdks_type_has_thirty_nine() {
        let all = Rules::default().events().count();
        let narrow = Rules {
            narrow_events: true,
            ..Rules::default()
        };
        assert_eq!((all, narrow.events().count()), (59, 39));
    }

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

    #[test]
    fn numbers_are_taken_as_pydantic_takes_them() {
        for (value, number) in [
            (json!(5), Some(5)),
            (json!("5"), Some(5)),
            (json!(5.7), Some(5)),
            (json!(true), Some(1)),
            (json!(1e300), Some(i64::MAX)),
            (json!("x"), None),
            (json!([]), None),
        ] {
            assert_eq!(whole(&value), number, "{value}");
        }
    }

    proptest! {
        #[test]
        fn no_body_is_too_odd(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let headers = HeaderMap::new();
            let _ = new_webhook(&body, &headers, Rules::default());
            let _ = change(&body, &headers, Rules::default());
        }

        #[test]
        fn no_url_is_too_odd(url in "(https?|[a-z]{0,3})(://)?\\PC{0,40}") {
            if check_url(&url, false).is_ok() {
                let uri: Uri = url.parse().unwrap();
                prop_assert!(uri.host().is_some_and(|host| !host.is_empty()));
            }
        }
    }
}
