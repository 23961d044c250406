//! A webhook as Cakemail's API has it: one event of an account, sent to one URL.
//!
//! Source of names and shapes: Cakemail's API reference and its official SDK.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest URL that the API takes, in characters.
pub const LONGEST_URL: usize = 2083;

/// Deliveries in a period that a webhook has where nothing else was asked for.
pub const RATE_LIMIT: u32 = 50;

/// A webhook. What the API leaves out is as it is where nothing was asked for. What is not as
/// the reference says is read as far as it goes: one such webhook is no reason to read none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// A text such as `X1qRXqz1upM9`; the manual's are numbers.
    #[serde(deserialize_with = "id")]
    pub id: String,
    /// Whether it is sent anything.
    #[serde(default, deserialize_with = "status")]
    pub status: WebhookStatus,
    /// The event, as the API writes it.
    pub event: String,
    /// Where it is sent.
    pub url: String,
    /// When it was archived, in Unix seconds; the SDK's types say text.
    #[serde(default, deserialize_with = "seconds")]
    pub archived_at: Option<i64>,
    /// The most deliveries in a period; `None` where the API says nothing that makes sense.
    #[serde(default = "rate_limit", deserialize_with = "rate")]
    pub rate_limit: Option<u32>,
    /// The period, as the limit.
    #[serde(default = "second", deserialize_with = "period")]
    pub rate_limit_period: Option<RatePeriod>,
}

/// Whether a webhook is sent anything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WebhookStatus {
    /// It is.
    #[default]
    Active,
    /// It is not, until it is unarchived.
    Archived,
    /// A word that no document has; surely it is not active.
    Other(String),
}

impl WebhookStatus {
    /// The API's word for it.
    pub fn name(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Archived => "archived",
            Self::Other(word) => word,
        }
    }
}

impl Serialize for WebhookStatus {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.name())
    }
}

/// The period of a rate limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RatePeriod {
    /// A second.
    #[default]
    Second,
    /// A minute.
    Minute,
    /// An hour, which the SDK's types have beyond the reference's two.
    Hour,
    /// A day, as an hour.
    Day,
}

impl RatePeriod {
    /// The API's word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
        }
    }
}

impl fmt::Display for RatePeriod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A word that names no period.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a rate limit is for a `second` or a `minute`")]
pub struct BadPeriod;

impl FromStr for RatePeriod {
    type Err = BadPeriod;

    fn from_str(text: &str) -> Result<Self, BadPeriod> {
        match text {
            "second" => Ok(Self::Second),
            "minute" => Ok(Self::Minute),
            _ => Err(BadPeriod),
        }
    }
}

/// A webhook's URL as it is shown: without the password that may stand before its host, or
/// the token in its place.
pub fn shown_url(url: &str) -> Cow<'_, str> {
    let Some((before, user, after)) = with_user(url) else {
        return Cow::Borrowed(url);
    };
    let user = user
        .split_once(':')
        .map_or(String::new(), |(user, _)| format!("{user}:"));
    Cow::Owned(format!("{before}{user}…@{after}"))
}

/// A webhook's URL as somebody asks it who is not to log in there.
pub fn without_user(url: &str) -> Cow<'_, str> {
    match with_user(url) {
        Some((before, _, after)) => Cow::Owned(format!("{before}{after}")),
        None => Cow::Borrowed(url),
    }
}

/// A URL with user and password: what stands before them, they, and what stands behind their
/// `@`.
fn with_user(url: &str) -> Option<(&str, &str, &str)> {
    let start = url.find("://")? + "://".len();
    let (before, rest) = url.split_at(start);
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let at = rest[..end].rfind('@')?;
    Some((before, &rest[..at], &rest[at + 1..]))
}

#[expect(clippy::unnecessary_wraps, reason = "it is the field's default")]
const fn rate_limit() -> Option<u32> {
    Some(RATE_LIMIT)
}

#[expect(clippy::unnecessary_wraps, reason = "it is the field's default")]
const fn second() -> Option<RatePeriod> {
    Some(RatePeriod::Second)
}

fn id<'de, D: serde::Deserializer<'de>>(from: D) -> Result<String, D::Error> {
    match Value::deserialize(from)? {
        Value::String(text) if !text.is_empty() => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(D::Error::custom("the id is neither a text nor a number")),
    }
}

fn status<'de, D: serde::Deserializer<'de>>(from: D) -> Result<WebhookStatus, D::Error> {
    let word = match Value::deserialize(from)? {
        Value::Null => return Ok(WebhookStatus::default()),
        Value::String(word) => word,
        other => other.to_string(),
    };
    let known = [WebhookStatus::Active, WebhookStatus::Archived].into_iter();
    let mut known = known.filter(|status| word.eq_ignore_ascii_case(status.name()));
    Ok(known.next().unwrap_or(WebhookStatus::Other(word)))
}

fn seconds<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<i64>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => whole(&number),
        Value::String(text) => {
            let time = text.parse::<jiff::Timestamp>().ok();
            time.map(jiff::Timestamp::as_second)
                .or_else(|| whole(&text.parse().ok()?))
        }
        _ => None,
    })
}

fn rate<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<u32>, D::Error> {
    Ok(match Value::deserialize(from)? {
        Value::Number(number) => whole(&number).and_then(|rate| rate.try_into().ok()),
        Value::String(text) => text.parse().ok(),
        _ => None,
    })
}

fn period<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Option<RatePeriod>, D::Error> {
    let value = Value::deserialize(from)?;
    Ok(RatePeriod::deserialize(value).ok())
}

/// A number without what stands behind its point.
fn whole(number: &serde_json::Number) -> Option<i64> {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a float that is too large becomes the largest, which is as good as any"
    )]
    let of_float = |float: f64| float as i64;
    number.as_i64().or_else(|| number.as_f64().map(of_float))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_sources_write_is_read() {
        let whole = r#"{"id":"X1qRXqz1upM9","status":"archived","event":"Email.Opened",
            "url":"https://a.example/","archived_at":1627069315,"rate_limit":5,
            "rate_limit_period":"minute","more":1}"#;
        let webhook: Webhook = serde_json::from_str(whole).unwrap();
        assert_eq!(webhook.id, "X1qRXqz1upM9");
        assert_eq!(webhook.status, WebhookStatus::Archived);
        assert_eq!(webhook.archived_at, Some(1_627_069_315));
        assert_eq!(
            (webhook.rate_limit, webhook.rate_limit_period),
            (Some(5), Some(RatePeriod::Minute))
        );
        let bare = r#"{"id":123,"event":"Email.Sent","url":"https://a.example/",
            "archived_at":"2021-07-23T19:21:55Z"}"#;
        let webhook: Webhook = serde_json::from_str(bare).unwrap();
        assert_eq!(webhook.id, "123");
        assert_eq!(webhook.status, WebhookStatus::Active);
        assert_eq!(webhook.archived_at, Some(1_627_068_115));
        assert_eq!(
            (webhook.rate_limit, webhook.rate_limit_period),
            (Some(50), Some(RatePeriod::Second))
        );
    }

    #[test]
    fn what_no_source_writes_is_read_as_far_as_it_goes() {
        let with = |field: &str, value: Value| {
            let mut json = serde_json::json!({"id": "a", "event": "e", "url": "u"});
            json[field] = value;
            serde_json::from_value::<Webhook>(json)
        };
        let rate = |value: Value| with("rate_limit", value).unwrap().rate_limit;
        assert_eq!(rate(Value::Null), None);
        assert_eq!(rate((-1).into()), None);
        assert_eq!(rate(1e300.into()), None);
        assert_eq!(rate(7.0.into()), Some(7));
        assert_eq!(rate("7".into()), Some(7));
        let period = |value: Value| with("rate_limit_period", value).unwrap().rate_limit_period;
        assert_eq!(period(Value::Null), None);
        assert_eq!(period("week".into()), None);
        assert_eq!(period("hour".into()), Some(RatePeriod::Hour));
        let at = |value: Value| with("archived_at", value).unwrap().archived_at;
        assert_eq!(at(1_627_069_315.5.into()), Some(1_627_069_315));
        assert_eq!(at("1627069315".into()), Some(1_627_069_315));
        assert_eq!(at(Value::Bool(false)), None);
        let status = |value: Value| with("status", value).unwrap().status;
        assert_eq!(status(Value::Null), WebhookStatus::Active);
        assert_eq!(status("Archived".into()), WebhookStatus::Archived);
        assert_eq!(
            status("paused".into()),
            WebhookStatus::Other("paused".into())
        );
        assert_eq!(with("id", 3.into()).unwrap().id, "3");
        for bad in [Value::Null, "".into(), Value::Bool(true)] {
            with("id", bad).unwrap_err();
        }
    }

    #[test]
    fn a_url_is_shown_without_its_password() {
        for (url, shown, bare) in [
            (
                "https://u:pw@a.example/x@y",
                "https://u:…@a.example/x@y",
                "https://a.example/x@y",
            ),
            (
                "https://u:p@w@a.example",
                "https://u:…@a.example",
                "https://a.example",
            ),
            (
                "https://token@a.example?b",
                "https://…@a.example?b",
                "https://a.example?b",
            ),
            (
                "https://a.example/?to=b@c",
                "https://a.example/?to=b@c",
                "https://a.example/?to=b@c",
            ),
            ("nonsense", "nonsense", "nonsense"),
        ] {
            assert_eq!((&*shown_url(url), &*without_user(url)), (shown, bare));
        }
    }

    #[test]
    fn what_is_written_is_what_the_api_writes() {
        let webhook = Webhook {
            id: "a".into(),
            status: WebhookStatus::Active,
            event: "Email.Sent".into(),
            url: "https://a.example/".into(),
            archived_at: None,
            rate_limit: Some(50),
            rate_limit_period: Some(RatePeriod::Second),
        };
        assert_eq!(
            serde_json::to_string(&webhook).unwrap(),
            r#"{"id":"a","status":"active","event":"Email.Sent","url":"https://a.example/","archived_at":null,"rate_limit":50,"rate_limit_period":"second"}"#
        );
    }
}
