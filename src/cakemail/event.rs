//! Event names: which there are, which mean the same, and patterns over them.
//!
//! The CLI manual writes `email.opened`, the API `Email.Opened`, and for some events
//! the two do not even share a word. A pattern matches all names of an event.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};
use wildmatch::WildMatch;

/// Every name that Cakemail's documents use: the manual's, then the API's. They are those
/// of the files in `assets/events/`, the manual's from its guide and command reference, the
/// API's from the enumeration in its reference.
pub const NAMES: &[&str] = include!(concat!(env!("OUT_DIR"), "/event_names.rs"));

/// Names of one event that differ by more than case.
const SAME: &[&[&str]] = &[
    &[
        "email.spam_complaint",
        "email.complained",
        "email.reportedasspam",
    ],
    &["campaign.cancelled", "campaign.canceled"],
    &["contact.subscribed", "contact.added"],
];

/// Longer event names than this are not believed, so that a stranger's megabyte does
/// not become a column.
const MAX_NAME: usize = 128;

/// A glob over event names: `*` is any run of characters, `?` is one. Case does not
/// matter, and an event matches under any of its names.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPattern {
    text: String,
    glob: WildMatch,
}

/// An event pattern that cannot match anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the event pattern `{0}` is not a name or glob such as `email.*`")]
pub struct BadPattern(String);

impl FromStr for EventPattern {
    type Err = BadPattern;

    fn from_str(text: &str) -> Result<Self, BadPattern> {
        let text = text.trim();
        if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return Err(BadPattern(text.escape_debug().to_string()));
        }
        Ok(Self {
            text: text.to_owned(),
            glob: WildMatch::new(&text.to_lowercase()),
        })
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl EventPattern {
    /// Whether the event of that name, or of one that means the same, is meant.
    pub fn matches(&self, event: &str) -> bool {
        let event = event.to_lowercase();
        self.glob.matches(&event)
            || SAME
                .iter()
                .filter(|names| names.contains(&&*event))
                .flat_map(|names| names.iter())
                .any(|name| self.glob.matches(name))
    }

    /// A known name that was probably meant, or for a glob a glob, where the pattern matches
    /// no known one.
    pub fn suggestion(&self) -> Option<Cow<'static, str>> {
        if self.is_known() {
            return None;
        }
        let text = self.text.to_lowercase();
        if let Some(glob) = self.likely_glob(&text) {
            return Some(glob.into());
        }
        // Whoever leaves the family out says what happens: `opened`. That of e-mails is meant
        // most of the time.
        let of_emails = NAMES.iter().filter(|name| name.starts_with("email."));
        let happens = |name: &'static str| name.split_once('.').map_or(name, |(_, rest)| rest);
        let is_whole = text.contains('.');
        let by_part = (!is_whole).then(|| {
            nearest_by(&text, of_emails.copied(), happens)
                .or_else(|| nearest_by(&text, NAMES.iter().copied(), happens))
        });
        let nearest = by_part
            .flatten()
            .or_else(|| nearest(&text, NAMES.iter().copied()));
        nearest.map(Cow::Borrowed)
    }

    /// The same glob over the family of events whose name is nearly the one in it.
    fn likely_glob(&self, text: &str) -> Option<String> {
        if !self.is_glob() {
            return None;
        }
        let (family, rest) = text.split_at(text.find(['.', '*', '?'])?);
        let families = NAMES
            .iter()
            .filter_map(|name| Some(name.split_once('.')?.0));
        let fits = |family: &&str| {
            let glob = format!("{family}{rest}").parse::<Self>();
            glob.is_ok_and(|glob| glob.is_known())
        };
        let family = nearest(family, families.filter(fits))?;
        Some(format!("{family}{rest}"))
    }

    /// Whether it is more than one name.
    pub fn is_glob(&self) -> bool {
        self.text.contains(['*', '?'])
    }

    /// The known names that it means where one name has to be chosen for each event: those
    /// that are written as it is, or else those that differ from it by case, or else those
    /// that mean the same. Of what is no glob only the first, which is the manual's.
    pub fn names(&self) -> Vec<&'static str> {
        let written = WildMatch::new(&self.text);
        let those = |means: &dyn Fn(&str) -> bool| -> Vec<&'static str> {
            NAMES.iter().copied().filter(|name| means(name)).collect()
        };
        let mut names = those(&|name| written.matches(name));
        if names.is_empty() {
            names = those(&|name| self.glob.matches(&name.to_lowercase()));
        }
        if names.is_empty() {
            names = those(&|name| self.matches(name));
        }
        if !self.is_glob() {
            names.truncate(1);
        }
        names
    }

    /// The names of the API that it means, in the order of its reference. Where the manual
    /// has an event that the API lacks (`campaign.sent`) there are none.
    pub fn api_names(&self) -> Vec<&'static str> {
        let names = NAMES.iter().copied();
        names
            .filter(|name| is_of_the_api(name) && self.matches(name))
            .collect()
    }

    /// Whether any documented event is meant.
    pub fn is_known(&self) -> bool {
        NAMES.iter().any(|name| self.matches(name))
    }
}

/// Whether a documented name is the API's: those begin in upper case.
pub fn is_of_the_api(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
}

/// The name that is most like the text, which is in lower case, if one is like it.
fn nearest(
    text: &str,
    names: impl DoubleEndedIterator<Item = &'static str>,
) -> Option<&'static str> {
    nearest_by(text, names, |name| name)
}

/// The same by a part of each name.
fn nearest_by(
    text: &str,
    names: impl DoubleEndedIterator<Item = &'static str>,
    part: impl Fn(&'static str) -> &'static str,
) -> Option<&'static str> {
    names
        .map(|name| (strsim::jaro_winkler(text, &part(name).to_lowercase()), name))
        // Of equals the last one wins, and it should be the manual's.
        .rev()
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Reads `event` from the top of a JSON payload, and nothing else of it. What follows
/// the member may be broken; the last of several wins, as in `JSON.parse`.
pub fn name_in(body: &[u8]) -> Option<Box<str>> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.iter().find(|b| !b.is_ascii_whitespace()) != Some(&b'{') {
        return None;
    }
    let mut found = None;
    let mut json = serde_json::Deserializer::from_slice(body);
    // What comes after the member need not be JSON, so the result does not matter.
    let _ = json.deserialize_map(EventVisitor(&mut found));
    found
}

struct EventVisitor<'f>(&'f mut Option<Box<str>>);

impl<'de> Visitor<'de> for EventVisitor<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            if key.0 == "event" {
                // Any JSON value is read, so that a number here ends nothing.
                let value = map.next_value::<&serde_json::value::RawValue>()?;
                *self.0 = serde_json::from_str::<Text<'_>>(value.get())
                    .ok()
                    .filter(|text| !text.0.is_empty() && text.0.len() <= MAX_NAME)
                    .map(|text| text.0.into());
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests;
