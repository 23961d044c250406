//! What an event's delivery holds: a sample, a sample with other data, or what was given.

use bytes::Bytes;
use jiff::Timestamp;

use crate::cakemail::event::{EventPattern, NAMES, is_of_the_api};
use crate::cakemail::sample::{self, Envelope};

/// The names that a pattern means, as a payload in that envelope has them. A glob means the
/// API's names only, since webhooks have those.
pub(super) fn names(pattern: &EventPattern, envelope: Envelope) -> Vec<&'static str> {
    let api = pattern.api_names();
    let manual = |pattern: &EventPattern| {
        let mut manual = NAMES.iter().copied().filter(|name| !is_of_the_api(name));
        manual.find(|name| pattern.matches(name))
    };
    if !pattern.is_glob() {
        let first = match envelope {
            Envelope::Api => api.first().copied().or_else(|| manual(pattern)),
            Envelope::Manual => manual(pattern).or_else(|| api.first().copied()),
        };
        return first.into_iter().collect();
    }
    let written = |name: &'static str| match envelope {
        Envelope::Api => name,
        Envelope::Manual => {
            let same = name.parse::<EventPattern>().ok();
            same.and_then(|same| manual(&same)).unwrap_or(name)
        }
    };
    api.into_iter().map(written).collect()
}

/// What is sent. What many have in common they share.
#[derive(Debug, Clone, Default)]
pub(super) struct Body {
    head: Bytes,
    /// What follows it, with an end after that.
    data: Option<Bytes>,
}

/// What ends an envelope after its data.
const END: &[u8] = b"}";

impl Body {
    /// These bytes as they are.
    pub(super) fn given(bytes: Bytes) -> Self {
        Self {
            head: bytes,
            data: None,
        }
    }

    pub(super) fn len(&self) -> usize {
        let data = self.data.as_ref();
        self.head.len() + data.map_or(0, |data| data.len() + END.len())
    }

    /// In one piece.
    pub(super) fn whole(&self) -> Bytes {
        match &self.data {
            Some(data) => [&*self.head, data, END].concat().into(),
            None => self.head.clone(),
        }
    }
}

/// The body for that event of the account. `data` is JSON that stands in the place of the
/// sample's, byte for byte.
pub(super) fn body(
    name: &str,
    envelope: Envelope,
    account: u32,
    data: Option<&Bytes>,
    seed: u64,
    at: Timestamp,
) -> Body {
    const DATA: &str = ",\"data\":";
    let Some(sample) = sample::find(name) else {
        return Body::default();
    };
    let text = String::from_utf8(sample.body(envelope, seed, at)).unwrap_or_default();
    let mut text = of_account(&text, account);
    match (data, text.find(DATA)) {
        (Some(data), Some(before)) => {
            text.truncate(before + DATA.len());
            Body {
                head: text.into(),
                data: Some(data.clone()),
            }
        }
        _ => Body::given(text.into()),
    }
}

/// The same with that account's id in the envelope. Every other byte stays.
fn of_account(text: &str, account: u32) -> String {
    const FIELD: &str = "\"account_id\":";
    let (head, data) = text.split_at(text.find(",\"data\":").unwrap_or(text.len()));
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = head;
    while let Some((before, after)) = rest.split_once(FIELD) {
        out.push_str(before);
        out.push_str(FIELD);
        let digits = after.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 0 {
            out.push_str(&account.to_string());
        }
        rest = &after[digits..];
    }
    out.push_str(rest);
    out.push_str(data);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn pattern(text: &str) -> EventPattern {
        text.parse().unwrap()
    }

    #[test]
    fn names_are_those_of_the_envelope() {
        use Envelope::{Api, Manual};
        for (text, envelope, name) in [
            ("email.opened", Api, "Email.Opened"),
            ("Email.Opened", Manual, "email.opened"),
            ("email.spam_complaint", Api, "Email.ReportedAsSpam"),
            ("campaign.sent", Api, "campaign.sent"),
            ("User.LoggedIn", Manual, "User.LoggedIn"),
        ] {
            assert_eq!(names(&pattern(text), envelope), [name], "{text}");
        }
        let all = names(&pattern("email.*"), Api);
        assert_eq!(all.len(), 13);
        assert!(names(&pattern("nothing.*"), Api).is_empty());
        assert!(names(&pattern("email.*"), Manual).contains(&"email.opened"));
    }

    #[test]
    fn the_account_and_the_data_are_the_ones_that_were_asked_for() {
        let at = Timestamp::from_second(1_764_000_000).unwrap();
        for name in ["Email.Opened", "User.LoggedIn", "List.Created"] {
            for envelope in [Envelope::Api, Envelope::Manual] {
                let plain = body(name, envelope, 4242, None, 3, at).whole();
                let value: Value = serde_json::from_slice(&plain).unwrap();
                assert_eq!(value["event"], name);
                if envelope == Envelope::Api {
                    assert_eq!(value["account_id"], 4242);
                }
                let data = Bytes::from_static(b"{\"a\" : 1.0}");
                let own = body(name, envelope, 1, Some(&data), 3, at);
                assert_eq!(own.len(), own.whole().len());
                let own = own.whole();
                assert!(own.ends_with(b",\"data\":{\"a\" : 1.0}}"));
                serde_json::from_slice::<Value>(&own).unwrap();
            }
        }
    }
}
