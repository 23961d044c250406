//! Sample payloads as Cakemail would send them, filled in from a seed.
//!
//! Each event has a file in `assets/events/`, with one line about it and the payload's
//! `data`; the envelope around that is added here. In a file's texts `{{field}}` stands for
//! a value that the seed gives, the same for the same field wherever it stands, so that
//! the events of one seed tell of one contact and one campaign. A text that is nothing but
//! `{{field}}` becomes a number where the field is one. Every other byte of `data` is sent
//! as it stands in the file: escapes and white space that a handler loses when it writes
//! JSON anew are there on purpose.
//!
//! The manual shows the payloads of `email.sent` and `email.opened`. Of others the
//! documents name fields, and what is beyond those is what such an event would hold.

use std::borrow::Cow;
use std::str::FromStr;
use std::sync::LazyLock;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

/// What stands around an event's data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Envelope {
    /// `event`, `timestamp` as text, `data` (CLI manual, developer guide).
    Manual,
    /// `event`, `account_id`, `ip`, `user`, `created_on` in Unix seconds, `data` (API guide,
    /// official SDK).
    Api,
}

impl Envelope {
    /// The word for it on the command line and in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Manual => "manual",
            Self::Api => "api",
        }
    }
}

/// No [`Envelope`] has that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it must be `manual` or `api`")]
pub struct BadEnvelope;

impl FromStr for Envelope {
    type Err = BadEnvelope;

    fn from_str(text: &str) -> Result<Self, BadEnvelope> {
        [Self::Manual, Self::Api]
            .into_iter()
            .find(|envelope| envelope.name() == text)
            .ok_or(BadEnvelope)
    }
}

/// Names, the envelope that the documents of those names show, and the files' texts.
const FILES: &[(&str, Envelope, &str)] = include!(concat!(env!("OUT_DIR"), "/samples.rs"));

static SAMPLES: LazyLock<Vec<Sample>> = LazyLock::new(|| {
    let read = |(name, envelope, text): &(&'static str, Envelope, &'static str)| {
        Some(Sample {
            name,
            envelope: *envelope,
            // A test reads all of them, so none is left out.
            file: serde_json::from_str(text).ok()?,
        })
    };
    FILES.iter().filter_map(read).collect()
});

/// An event that there is a sample of.
#[derive(Debug)]
pub struct Sample {
    name: &'static str,
    envelope: Envelope,
    file: File,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(borrow)]
    description: Cow<'static, str>,
    /// Of the API's envelope: whose doing it was, where it was a user's.
    #[serde(borrow)]
    user: Option<&'static RawValue>,
    #[serde(borrow)]
    data: &'static RawValue,
}

/// All of them, in the order of [`NAMES`](super::event::NAMES).
pub fn all() -> &'static [Sample] {
    &SAMPLES
}

/// The one of that very name.
pub fn find(name: &str) -> Option<&'static Sample> {
    SAMPLES.iter().find(|sample| sample.name == name)
}

/// A time that a seed stands for, in the year 2026.
pub fn time_of(seed: u64) -> Timestamp {
    const YEAR: i64 = 365 * 24 * 60 * 60;
    // 2026-01-01T00:00:00Z.
    const FIRST: i64 = 1_767_225_600;
    let second = i64::try_from(draw(seed, "time")).map_or(0, |drawn| drawn % YEAR);
    Timestamp::from_second(FIRST + second).unwrap_or(Timestamp::UNIX_EPOCH)
}

impl Sample {
    /// The event's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// What it tells, in a line.
    pub fn description(&self) -> &str {
        &self.file.description
    }

    /// The envelope that the documents show with this name.
    pub const fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// The body of a sample delivery: the same bytes for the same envelope, seed and time.
    pub fn body(&self, envelope: Envelope, seed: u64, at: Timestamp) -> Vec<u8> {
        const NOBODY: &str = r#"{"id":null,"email":null,"account_id":null}"#;
        let (name, data) = (self.name, self.file.data.get());
        let whole = match envelope {
            Envelope::Manual => {
                format!(r#"{{"event":"{name}","timestamp":"{{{{now}}}}","data":{data}}}"#)
            }
            Envelope::Api => {
                let user = self.file.user.map_or(NOBODY, RawValue::get);
                format!(
                    r#"{{"event":"{name}","account_id":"{{{{account_id}}}}","ip":"{{{{ip}}}}","user":{user},"created_on":"{{{{unix}}}}","data":{data}}}"#
                )
            }
        };
        fill(&whole, seed, at).into_bytes()
    }
}

/// The text with its fields filled in. What names no field stays.
fn fill(template: &str, seed: u64, at: Timestamp) -> String {
    let mut out = String::with_capacity(template.len() + 64);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        out.push_str(before);
        let Some((value, after)) = after
            .split_once("}}")
            .and_then(|(name, after)| Some((value(name, seed, at)?, after)))
        else {
            out.push_str("{{");
            rest = after;
            continue;
        };
        rest = after;
        match value {
            // Alone between its quotes it takes their place.
            Value::Number(number) if out.ends_with('"') && rest.starts_with('"') => {
                out.pop();
                out.push_str(&number.to_string());
                rest = &rest[1..];
            }
            Value::Number(number) => out.push_str(&number.to_string()),
            Value::Text(text) => out.push_str(&text),
        }
    }
    out.push_str(rest);
    out
}

enum Value {
    Number(i64),
    /// Fit to stand in a JSON string.
    Text(String),
}

/// What a field is for that seed; `None` where there is no such field.
fn value(field: &str, seed: u64, at: Timestamp) -> Option<Value> {
    const FIRST_NAMES: [&str; 8] = [
        "Amal", "Bea", "Chen", "Dora", "Emil", "Farah", "Gil", "Hana",
    ];
    const LAST_NAMES: [&str; 6] = ["Roy", "Gagnon", "Okafor", "Tremblay", "Singh", "Lavoie"];
    let below = |field: &str, bound: u64| i64::try_from(draw(seed, field) % bound).unwrap_or(0);
    let one_of = |field: &str, names: &'static [&'static str]| {
        let at = usize::try_from(draw(seed, field)).map_or(0, |drawn| drawn % names.len());
        names[at]
    };
    // Names and networks that are set aside for documentation (RFC 2606, RFC 5737).
    let mailbox = |of: &str| {
        let name = one_of(of, &FIRST_NAMES).to_lowercase();
        format!("{name}{}@example.com", below("mailbox", 100))
    };
    let sent = 200 + below("sent_count", 20_000);
    Some(match field {
        "campaign_id" => Value::Number(700 + below(field, 300)),
        "contact_id" => Value::Number(1_000 + below(field, 9_000)),
        "account_id" | "list_id" | "segment_id" => Value::Number(10 + below(field, 90)),
        "user_id" => Value::Number(100 + below(field, 900)),
        "sent_count" => Value::Number(sent),
        "delivered_count" => Value::Number(sent - below(field, 100)),
        "unix" => Value::Number(at.as_second()),
        "later_unix" => Value::Number(at.as_second() + 24 * 60 * 60),
        "now" => Value::Text(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
        "email" => Value::Text(mailbox("first_name")),
        "first_name" | "user_name" => Value::Text(one_of(field, &FIRST_NAMES).into()),
        "last_name" => Value::Text(one_of(field, &LAST_NAMES).into()),
        "user_email" => Value::Text(mailbox("user_name")),
        "ip" => Value::Text(format!("203.0.113.{}", 1 + below(field, 254))),
        "message_id" => Value::Text(format!("msg_{:012x}", draw(seed, field) >> 16)),
        "sender_id" => Value::Text(format!("{:012x}", draw(seed, field) >> 16)),
        "email_id" | "export_id" => Value::Text(uuid(seed, field)),
        _ => return None,
    })
}

/// A UUID of version 4 (RFC 9562) but for its chance.
fn uuid(seed: u64, field: &str) -> String {
    let high = draw(seed, field);
    let low = draw(high, field);
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        (high >> 16) & 0xffff,
        high & 0xfff,
        0x8000 | ((low >> 48) & 0x3fff),
        low & 0xffff_ffff_ffff
    )
}

/// A number for a field of a seed, the same everywhere: the finish of SplitMix64 (Steele,
/// Lea, Flood 2014) over the seed and the name's FNV-1a hash.
fn draw(seed: u64, field: &str) -> u64 {
    let hash = field.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, b| {
        (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(hash);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    // A positive number of either kind.
    (z ^ (z >> 31)) >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::event::{NAMES, name_in};
    use serde_json::Value as Json;

    fn at() -> Timestamp {
        Timestamp::from_second(1_764_000_000).unwrap()
    }

    fn json(name: &str, envelope: Envelope, seed: u64) -> Json {
        let body = find(name).unwrap().body(envelope, seed, at());
        serde_json::from_slice(&body).unwrap()
    }

    #[test]
    fn every_file_is_read_and_says_what_it_is() {
        assert_eq!(all().len(), FILES.len(), "a file is not as it must be");
        let names: Vec<_> = all().iter().map(Sample::name).collect();
        assert_eq!(names, NAMES);
        for sample in all() {
            let text = sample.description();
            assert!(text.len() < 72 && !text.ends_with('.'), "{text}");
            assert!(text.starts_with(char::is_uppercase), "{text}");
            let pascal = sample.name().starts_with(char::is_uppercase);
            assert_eq!(sample.envelope() == Envelope::Api, pascal);
        }
    }

    #[test]
    fn every_sample_is_json_of_its_event_and_the_same_for_the_same_seed() {
        for sample in all() {
            for envelope in [Envelope::Manual, Envelope::Api] {
                let name = sample.name();
                let made = sample.body(envelope, 7, at());
                let text = String::from_utf8(made.clone()).unwrap();
                let value: Json = serde_json::from_str(&text).unwrap();
                assert!(value["data"].is_object(), "{text}");
                assert!(!text.contains("{{") && !text.contains("}}\""), "{text}");
                assert_eq!(name_in(&made).as_deref(), Some(name));
                assert_eq!(sample.body(envelope, 7, at()), made);
                assert_ne!(sample.body(envelope, 8, at()), made);
            }
        }
        assert!(find("email.nonsense").is_none());
    }

    #[test]
    fn the_manuals_own_examples_have_the_manuals_fields() {
        let keys = |value: &Json| -> Vec<String> {
            let keys = value.as_object().unwrap().keys();
            keys.cloned().collect()
        };
        let sent = json("email.sent", Envelope::Manual, 1);
        assert_eq!(keys(&sent), ["event", "timestamp", "data"]);
        assert_eq!(
            keys(&sent["data"]),
            ["campaign_id", "contact_id", "email", "message_id"]
        );
        assert_eq!(sent["timestamp"], "2025-11-24T16:00:00Z");
        assert!(sent["data"]["campaign_id"].is_u64(), "{sent}");
        let opened = json("email.opened", Envelope::Manual, 1);
        assert_eq!(
            keys(&opened["data"]),
            [
                "campaign_id",
                "contact_id",
                "email",
                "user_agent",
                "ip_address"
            ]
        );
    }

    #[test]
    fn the_apis_envelope_names_who_did_it() {
        let logged_in = json("User.LoggedIn", Envelope::Api, 1);
        let keys: Vec<_> = logged_in.as_object().unwrap().keys().collect();
        assert_eq!(
            keys,
            ["event", "account_id", "ip", "user", "created_on", "data"]
        );
        assert_eq!(logged_in["created_on"], at().as_second());
        assert_eq!(logged_in["user"]["account_id"], logged_in["account_id"]);
        assert_eq!(logged_in["user"]["email"], logged_in["data"]["email"]);
        let sent = json("email.sent", Envelope::Api, 1);
        assert_eq!(sent["user"]["id"], Json::Null);
    }

    #[test]
    fn one_seed_tells_of_one_contact() {
        let sent = json("email.sent", Envelope::Manual, 5);
        let bounced = json("Email.Bounced", Envelope::Api, 5);
        for field in ["email", "contact_id", "campaign_id"] {
            assert_eq!(sent["data"][field], bounced["data"][field]);
        }
    }

    #[test]
    fn some_are_what_breaks_handlers_that_write_json_anew() {
        let has = |part: &str| {
            all()
                .iter()
                .filter(|sample| sample.file.data.get().contains(part))
                .count()
        };
        // Slashes that PHP escapes, escapes and letters beyond ASCII, what Go and Rails
        // escape, spaces as Python has them, floats, and numbers past JavaScript's.
        for part in [
            r"\/",
            r"\u00e9",
            "é",
            "<",
            "&",
            "\": \"",
            ".0}",
            "9007199254740993",
        ] {
            assert!(has(part) > 0, "{part}");
        }
        // Most are not, so that such a handler is not just always wrong.
        assert!(has(r"\/") * 3 < all().len());
    }

    #[test]
    fn seeds_give_times_and_extremes_are_fine() {
        assert_eq!(time_of(3), time_of(3));
        assert_ne!(time_of(3), time_of(4));
        for seed in [0, 1, u64::MAX] {
            assert_eq!(time_of(seed).strftime("%Y").to_string(), "2026");
            for sample in all() {
                sample.body(Envelope::Api, seed, time_of(seed));
            }
        }
    }

    #[test]
    fn what_is_no_field_stays() {
        let filled = |text| fill(text, 1, at());
        for text in ["{{nothing}}", "{{", "}}", "{{{", "a{{b", "{{}}"] {
            assert_eq!(filled(text), text);
        }
        assert_eq!(
            filled(r#"["{{unix}}","a {{unix}}"]"#),
            r#"[1764000000,"a 1764000000"]"#
        );
    }
}
