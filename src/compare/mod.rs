//! What differs between two deliveries or attempts, before anybody writes it down.

use std::borrow::Cow;
use std::time::Duration;

use similar::TextDiff;

use crate::delivery::words::size;
use crate::delivery::{Attempt, Delivery, Headers, Outcome, escape_json_for_terminal, value_text};
use crate::payload::body::{as_text, encodings};
use crate::payload::decode::{Decoded, decoded};
use crate::payload::diff::{Change, Difference, diff};

/// Bodies with an encoding are compared without it, up to this many bytes.
const MAX_DECODED: usize = 4 << 20;

/// How two things are compared.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// Headers that are passed over, in any case.
    pub ignore: &'a [String],
    /// Lines are compared for so long before the result gets coarser.
    pub patience: Duration,
}

/// A header whose values differ.
#[derive(Debug, PartialEq, Eq)]
pub struct HeaderChange {
    /// In lower case.
    pub name: String,
    /// Its values in the first as they came; none where it has none.
    pub old: Vec<String>,
    /// Those in the second.
    pub new: Vec<String>,
}

/// How two bodies differ.
#[derive(Debug, PartialEq, Eq)]
pub enum BodyChange {
    /// Not at all.
    Same,
    /// Both are JSON of the same value, written otherwise from this byte on.
    Spelling(usize),
    /// Both are JSON.
    Json {
        /// Where their values differ; at least one.
        changes: Vec<OwnedChange>,
        /// Whether there are more.
        truncated: bool,
    },
    /// Both are text: a unified diff without its head.
    Text(Vec<Line>),
    /// From this byte on.
    Bytes {
        /// The first byte that differs, or the length of the shorter.
        at: usize,
        /// Bytes of the first, decoded.
        old_size: usize,
        /// Bytes of the second, decoded.
        new_size: usize,
    },
}

impl BodyChange {
    /// Where bytes differ and no values or lines can be named: which.
    pub fn in_words(&self) -> Option<String> {
        match self {
            Self::Spelling(at) => Some(format!(
                "the same values, written otherwise from byte {at} on"
            )),
            Self::Bytes {
                at,
                old_size,
                new_size,
            } => Some(format!(
                "other bytes from byte {at} on, {} before and {} now",
                size(*old_size as u64),
                size(*new_size as u64)
            )),
            Self::Same | Self::Json { .. } | Self::Text(_) => None,
        }
    }
}

/// The start of a value on one line, fit for a terminal; `ellipsis` stands for the rest.
pub fn brief(json: &str, ellipsis: &str) -> String {
    // In characters.
    const LONGEST: usize = 200;
    let mut start: String = json.chars().take(LONGEST).collect();
    if start.len() < json.len() {
        start.push_str(ellipsis);
    }
    // Between the parts of a value there may be line ends, which are no part of it.
    let one_line: Vec<_> = start
        .split(['\n', '\r', '\t'])
        .map(str::trim_start)
        .collect();
    escape_json_for_terminal(&one_line.join(" ")).into_owned()
}

/// A value that differs, see [`Change`]. Of decoded bodies nothing else is left.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedChange {
    /// As in [`Change::path`].
    pub path: String,
    /// The word for what became of it.
    pub kind: &'static str,
    /// As in [`Change::old`].
    pub old: Option<String>,
    /// As in [`Change::new`].
    pub new: Option<String>,
}

impl From<Change<'_>> for OwnedChange {
    fn from(change: Change<'_>) -> Self {
        Self {
            path: change.path,
            kind: change.kind.name(),
            old: change.old.map(str::to_owned),
            new: change.new.map(str::to_owned),
        }
    }
}

/// A line of a diff, with its sign: `@`, `-`, `+` or a space.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// What it is.
    pub sign: char,
    /// The line without its sign and end.
    pub text: String,
}

/// What differs in two values of the same kind.
pub type Pair = Option<(String, String)>;

/// How two requests differ.
#[derive(Debug)]
pub struct RequestChange {
    /// The methods.
    pub method: Pair,
    /// Paths with their queries.
    pub path: Pair,
    /// In the order of the first, then what only the second has.
    pub headers: Vec<HeaderChange>,
    /// The bodies.
    pub payload: BodyChange,
}

/// How two responses differ.
#[derive(Debug)]
pub struct ResponseChange {
    /// Status, or the failure's code, or `none` where nothing was sent.
    pub outcome: Pair,
    /// As of requests, but for `date`.
    pub headers: Vec<HeaderChange>,
    /// As much of the bodies as was kept.
    pub body: BodyChange,
}

impl RequestChange {
    /// Compares two requests.
    pub fn of(old: &Delivery, new: &Delivery, rules: &Rules<'_>) -> Self {
        let (old, new) = (&old.request, &new.request);
        Self {
            method: pair(&old.method, &new.method),
            path: pair(&old.path_and_query, &new.path_and_query),
            headers: headers(&old.headers, &new.headers, rules.ignore, ""),
            payload: bodies(
                (&old.headers, &old.body),
                (&new.headers, &new.body),
                rules.patience,
            ),
        }
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.method.is_none()
            && self.path.is_none()
            && self.headers.is_empty()
            && self.payload == BodyChange::Same
    }
}

impl ResponseChange {
    /// Compares what came of two attempts, of which there may be none.
    pub fn of(old: Option<&Attempt>, new: Option<&Attempt>, rules: &Rules<'_>) -> Self {
        let nothing = (Headers::default(), bytes::Bytes::new());
        let parts = |attempt: Option<&Attempt>| match attempt.map(|attempt| &attempt.outcome) {
            Some(Outcome::Answered(answer)) => (answer.headers.clone(), answer.body.clone()),
            _ => nothing.clone(),
        };
        let (old_parts, new_parts) = (parts(old), parts(new));
        Self {
            outcome: pair(&outcome(old), &outcome(new)),
            headers: headers(&old_parts.0, &new_parts.0, rules.ignore, "date"),
            body: bodies(
                (&old_parts.0, &old_parts.1),
                (&new_parts.0, &new_parts.1),
                rules.patience,
            ),
        }
    }

    /// Whether nothing differs.
    pub fn is_none(&self) -> bool {
        self.outcome.is_none() && self.headers.is_empty() && self.body == BodyChange::Same
    }
}

fn pair(old: &str, new: &str) -> Pair {
    (old != new).then(|| (old.to_owned(), new.to_owned()))
}

fn outcome(attempt: Option<&Attempt>) -> String {
    match attempt.map(|attempt| &attempt.outcome) {
        Some(Outcome::Answered(answer)) => answer.status.to_string(),
        Some(Outcome::Failed(failure)) => failure.code.name().to_owned(),
        None => "none".to_owned(),
    }
}

fn headers(old: &Headers, new: &Headers, ignore: &[String], also: &str) -> Vec<HeaderChange> {
    let mut names: Vec<String> = Vec::new();
    for (name, _) in old.iter().chain(new.iter()) {
        let name = name.to_ascii_lowercase();
        let ignored = name == also || ignore.iter().any(|one| one.eq_ignore_ascii_case(&name));
        if !ignored && !names.contains(&name) {
            names.push(name);
        }
    }
    let changed = names.into_iter().filter_map(|name| {
        let same = old.get_all(&name).eq(new.get_all(&name));
        let values = |of: &Headers| {
            of.get_all(&name)
                .map(|value| value_text(value).into_owned())
                .collect::<Vec<_>>()
        };
        (!same).then(|| HeaderChange {
            old: values(old),
            new: values(new),
            name: name.clone(),
        })
    });
    changed.collect()
}

/// Compares two bodies with the headers that say what they are.
pub fn bodies(old: (&Headers, &[u8]), new: (&Headers, &[u8]), patience: Duration) -> BodyChange {
    if old.1 == new.1 {
        return BodyChange::Same;
    }
    let (old, new) = (readable(old.0, old.1), readable(new.0, new.1));
    let (old, new) = (&*old, &*new);
    if old == new {
        return BodyChange::Same;
    }
    let at = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    if let Ok(Difference { changes, truncated }) = diff(old, new) {
        if changes.is_empty() {
            return BodyChange::Spelling(at);
        }
        let changes = changes.into_iter().map(Into::into).collect();
        return BodyChange::Json { changes, truncated };
    }
    if let (Some(old), Some(new)) = (as_text(old), as_text(new)) {
        return BodyChange::Text(lines(old, new, patience));
    }
    BodyChange::Bytes {
        at,
        old_size: old.len(),
        new_size: new.len(),
    }
}

fn readable<'b>(headers: &Headers, body: &'b [u8]) -> Cow<'b, [u8]> {
    match decoded(&encodings(headers), body, MAX_DECODED) {
        Ok(Some(Decoded {
            body,
            truncated: false,
        })) => Cow::Owned(body),
        _ => Cow::Borrowed(body),
    }
}

/// A unified diff with three lines around each change.
fn lines(old: &str, new: &str, patience: Duration) -> Vec<Line> {
    let diff = TextDiff::configure().timeout(patience).diff_lines(old, new);
    let mut lines = Vec::new();
    for hunk in diff.unified_diff().context_radius(3).iter_hunks() {
        lines.push(Line {
            sign: '@',
            text: hunk.header().to_string(),
        });
        for change in hunk.iter_changes() {
            let text = change.value();
            lines.push(Line {
                sign: match change.tag() {
                    similar::ChangeTag::Delete => '-',
                    similar::ChangeTag::Insert => '+',
                    similar::ChangeTag::Equal => ' ',
                },
                text: text.strip_suffix('\n').unwrap_or(text).to_owned(),
            });
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(old: &[u8], new: &[u8]) -> BodyChange {
        let none = Headers::default();
        bodies((&none, old), (&none, new), Duration::from_secs(2))
    }

    #[test]
    fn bodies_are_compared_as_what_they_are() {
        assert_eq!(change(b"{\"a\":1}", b"{\"a\":1}"), BodyChange::Same);
        assert_eq!(change(b"{\"a\":1}", b"{\"a\": 1}"), BodyChange::Spelling(5));
        assert!(matches!(
            change(b"{\"a\":1}", b"{\"a\":2}"),
            BodyChange::Json { changes, truncated: false } if changes.len() == 1
        ));
        let BodyChange::Text(lines) = change(b"one\ntwo\nthree\n", b"one\n2\nthree") else {
            panic!();
        };
        let shown: Vec<_> = lines
            .iter()
            .map(|l| format!("{}{}", l.sign, l.text))
            .collect();
        assert_eq!(
            shown,
            ["@@@ -1,3 +1,3 @@", " one", "-two", "-three", "+2", "+three"]
        );
        assert_eq!(
            change(b"ab\x00", b"ac"),
            BodyChange::Bytes {
                at: 1,
                old_size: 3,
                new_size: 2
            }
        );
    }

    #[test]
    fn headers_are_compared_by_name_with_their_order_of_values() {
        let old: Headers = [("a", "1"), ("b", "1"), ("b", "2"), ("date", "x")]
            .into_iter()
            .collect();
        let new: Headers = [
            ("b", "2"),
            ("b", "1"),
            ("A", "1"),
            ("c", "3"),
            ("date", "y"),
        ]
        .into_iter()
        .collect();
        let changed = headers(&old, &new, &["C".to_owned()], "date");
        assert_eq!(changed.len(), 1);
        assert_eq!(
            (&*changed[0].name, &changed[0].new[..]),
            ("b", &["2".to_owned(), "1".into()][..])
        );
        assert!(headers(&old, &old, &[], "").is_empty());
        // Each face makes them harmless in its own way.
        let odd: Headers = [("a", b"\x1b\xe9")].into_iter().collect();
        assert_eq!(headers(&odd, &old, &[], "")[0].old, ["\x1b\u{e9}"]);
    }
}
