//! What `cmhook diff` says, see `docs/json.md`.

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use crate::compare::{
    BodyChange, HeaderChange, Line, OwnedChange, Pair, RequestChange, ResponseChange,
};
use crate::delivery::escape_json_for_terminal;

/// Both sides and what differs.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "diff")]
pub struct Diff<'a> {
    a: Side,
    b: Side,
    same: bool,
    request: RequestDiff<'a>,
    response: ResponseDiff<'a>,
}

/// What is compared.
#[derive(Debug, Serialize)]
pub struct Side {
    /// The delivery's id.
    pub delivery: u64,
    /// The attempt, where there is one.
    pub attempt: Option<u32>,
}

/// See [`RequestChange`].
#[derive(Debug, Serialize)]
struct RequestDiff<'a> {
    method: Option<PairObject<'a>>,
    path: Option<PairObject<'a>>,
    headers: Vec<HeaderObject<'a>>,
    payload: BodyDiff<'a>,
}

/// See [`ResponseChange`].
#[derive(Debug, Serialize)]
struct ResponseDiff<'a> {
    outcome: Option<PairObject<'a>>,
    headers: Vec<HeaderObject<'a>>,
    body: BodyDiff<'a>,
}

#[derive(Debug, Serialize)]
struct PairObject<'a> {
    old: &'a str,
    new: &'a str,
}

#[derive(Debug, Serialize)]
struct HeaderObject<'a> {
    name: &'a str,
    old: &'a [String],
    new: &'a [String],
}

/// See [`BodyChange`].
#[derive(Debug, Serialize)]
pub struct BodyDiff<'a> {
    /// `same`, `spelling`, `json`, `text` or `bytes`.
    kind: &'static str,
    changes: Option<Vec<ChangeObject<'a>>>,
    truncated: bool,
    text: Option<String>,
    first_byte: Option<usize>,
}

#[derive(Debug, Serialize)]
struct ChangeObject<'a> {
    path: &'a str,
    kind: &'static str,
    old: Option<Raw<'a>>,
    new: Option<Raw<'a>>,
}

/// JSON as it was written, but on one line and harmless.
#[derive(Debug)]
struct Raw<'a>(&'a str);

impl Serialize for Raw<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let one_line = self.0.replace(['\n', '\r', '\t'], " ");
        let harmless = escape_json_for_terminal(&one_line).into_owned();
        let value = RawValue::from_string(harmless).map_err(serde::ser::Error::custom)?;
        value.serialize(serializer)
    }
}

impl<'a> Diff<'a> {
    /// The fields at its top.
    pub const FIELDS: [&'static str; 6] = ["type", "a", "b", "same", "request", "response"];

    /// Of these two.
    pub fn new(a: Side, b: Side, request: &'a RequestChange, response: &'a ResponseChange) -> Self {
        Self {
            a,
            b,
            same: request.is_none() && response.is_none(),
            request: request.into(),
            response: response.into(),
        }
    }
}

impl<'a> From<&'a RequestChange> for RequestDiff<'a> {
    fn from(change: &'a RequestChange) -> Self {
        Self {
            method: pair(&change.method),
            path: pair(&change.path),
            headers: headers(&change.headers),
            payload: (&change.payload).into(),
        }
    }
}

impl<'a> From<&'a ResponseChange> for ResponseDiff<'a> {
    fn from(change: &'a ResponseChange) -> Self {
        Self {
            outcome: pair(&change.outcome),
            headers: headers(&change.headers),
            body: (&change.body).into(),
        }
    }
}

fn pair(pair: &Pair) -> Option<PairObject<'_>> {
    let (old, new) = pair.as_ref()?;
    Some(PairObject { old, new })
}

fn headers(changes: &[HeaderChange]) -> Vec<HeaderObject<'_>> {
    let objects = changes.iter().map(|change| HeaderObject {
        name: &change.name,
        old: &change.old,
        new: &change.new,
    });
    objects.collect()
}

impl<'a> From<&'a BodyChange> for BodyDiff<'a> {
    fn from(change: &'a BodyChange) -> Self {
        let nothing = |kind| Self {
            kind,
            changes: None,
            truncated: false,
            text: None,
            first_byte: None,
        };
        match change {
            BodyChange::Same => nothing("same"),
            BodyChange::Spelling(at) => Self {
                first_byte: Some(*at),
                ..nothing("spelling")
            },
            BodyChange::Json { changes, truncated } => Self {
                changes: Some(changes.iter().map(of_value).collect()),
                truncated: *truncated,
                ..nothing("json")
            },
            BodyChange::Text(lines) => Self {
                text: Some(lines.iter().map(written).collect()),
                ..nothing("text")
            },
            BodyChange::Bytes { at, .. } => Self {
                first_byte: Some(*at),
                ..nothing("bytes")
            },
        }
    }
}

fn of_value(change: &OwnedChange) -> ChangeObject<'_> {
    ChangeObject {
        path: &change.path,
        kind: change.kind,
        old: change.old.as_deref().map(Raw),
        new: change.new.as_deref().map(Raw),
    }
}

fn written(line: &Line) -> String {
    match line.sign {
        '@' => format!("{}\n", line.text.trim_end()),
        sign => format!("{sign}{}\n", line.text),
    }
}
