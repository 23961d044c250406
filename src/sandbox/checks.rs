//! Whether what a client sends makes sense, and what is said where it does not: FastAPI's
//! words for that, as of pydantic 1.

use http::StatusCode;
use http::header::{self, HeaderMap};
use serde_json::{Map, Value, json};

use super::answer::{Mistakes, No};
use super::book::{Change, NewWebhook};
use super::urls::url_of;
use crate::cakemail::event::{NAMES, is_of_the_api};
use crate::cakemail::sandbox::DEEPEST_JSON;
use crate::cakemail::webhook::{RATE_LIMIT, RatePeriod};

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
            let too_deep = format!("the JSON is nested deeper than {DEEPEST_JSON} levels");
            let message = match message {
                "recursion limit exceeded" => &too_deep,
                message => message,
            };
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
    }
}
