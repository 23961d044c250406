//! What differs between two deliveries or attempts, before anybody writes it down.

use std::borrow::Cow;
use std::time::Duration;

use similar::TextDiff;

use crate::commands::ink;
use crate::commands::show::body::text_of;
use crate::delivery::{Attempt, Delivery, Headers, Outcome};
use crate::payload::decode::{Decoded, decoded};
use crate::payload::diff::{Change, Difference, diff};

/// Bodies with an encoding are compared without it, up to this many bytes.
const MAX_DECODED: usize = 4 << 20;
/// Lines are compared for so long before the result gets coarser.
const PATIENCE: Duration = Duration::from_secs(2);

/// A header whose values differ.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HeaderChange {
    pub(super) name: String,
    pub(super) old: Vec<String>,
    pub(super) new: Vec<String>,
}

/// How two bodies differ.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) enum BodyChange {
    /// Not at all.
    Same,
    /// Both are JSON of the same value, written otherwise from this byte on.
    Spelling(usize),
    /// Both are JSON.
    Json {
        changes: Vec<OwnedChange>,
        truncated: bool,
    },
    /// Both are text: a unified diff without its head.
    Text(Vec<Line>),
    /// From this byte on.
    Bytes {
        at: usize,
        old_size: usize,
        new_size: usize,
    },
}

/// A value that differs, see [`Change`]. Of decoded bodies nothing else is left.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::commands) struct OwnedChange {
    pub(super) path: String,
    pub(super) kind: &'static str,
    pub(super) old: Option<String>,
    pub(super) new: Option<String>,
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
pub(in crate::commands) struct Line {
    pub(super) sign: char,
    pub(super) text: String,
}

/// What differs in two values of the same kind.
pub(super) type Pair = Option<(String, String)>;

/// How two requests differ.
#[derive(Debug)]
pub(super) struct RequestChange {
    pub(super) method: Pair,
    pub(super) path: Pair,
    pub(super) headers: Vec<HeaderChange>,
    pub(super) payload: BodyChange,
}

/// How two responses differ.
#[derive(Debug)]
pub(super) struct ResponseChange {
    /// Status, or the failure's code, or `none` where nothing was sent.
    pub(super) outcome: Pair,
    pub(super) headers: Vec<HeaderChange>,
    pub(super) body: BodyChange,
}

impl RequestChange {
    pub(super) fn of(old: &Delivery, new: &Delivery, ignore: &[String]) -> Self {
        let (old, new) = (&old.request, &new.request);
        Self {
            method: pair(&old.method, &new.method),
            path: pair(&old.path_and_query, &new.path_and_query),
            headers: headers(&old.headers, &new.headers, ignore, ""),
            payload: bodies((&old.headers, &old.body), (&new.headers, &new.body)),
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.method.is_none()
            && self.path.is_none()
            && self.headers.is_empty()
            && self.payload == BodyChange::Same
    }
}

impl ResponseChange {
    pub(super) fn of(old: Option<&Attempt>, new: Option<&Attempt>, ignore: &[String]) -> Self {
        let nothing = (Headers::default(), bytes::Bytes::new());
        let parts = |attempt: Option<&Attempt>| match attempt.map(|attempt| &attempt.outcome) {
            Some(Outcome::Answered(answer)) => (answer.headers.clone(), answer.body.clone()),
            _ => nothing.clone(),
        };
        let (old_parts, new_parts) = (parts(old), parts(new));
        Self {
            outcome: pair(&outcome(old), &outcome(new)),
            headers: headers(&old_parts.0, &new_parts.0, ignore, "date"),
            body: bodies((&old_parts.0, &old_parts.1), (&new_parts.0, &new_parts.1)),
        }
    }

    pub(super) fn is_none(&self) -> bool {
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
        let values = |of: &Headers| of.get_all(&name).map(ink::value).collect::<Vec<_>>();
        (!same).then(|| HeaderChange {
            old: values(old),
            new: values(new),
            name: name.clone(),
        })
    });
    changed.collect()
}

/// Compares two bodies with the headers that say what they are.
pub(in crate::commands) fn bodies(old: (&Headers, &[u8]), new: (&Headers, &[u8])) -> BodyChange {
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
    if let (Some(old), Some(new)) = (text_of(old), text_of(new)) {
        return BodyChange::Text(lines(old, new));
    }
    BodyChange::Bytes {
        at,
        old_size: old.len(),
        new_size: new.len(),
    }
}

fn readable<'b>(headers: &Headers, body: &'b [u8]) -> Cow<'b, [u8]> {
    let encodings: Vec<_> = headers
        .get_all("content-encoding")
        .map(ink::value)
        .collect();
    match decoded(&encodings.join(","), body, MAX_DECODED) {
        Ok(Some(Decoded {
            body,
            truncated: false,
        })) => Cow::Owned(body),
        _ => Cow::Borrowed(body),
    }
}

/// A unified diff with three lines around each change.
fn lines(old: &str, new: &str) -> Vec<Line> {
    let diff = TextDiff::configure().timeout(PATIENCE).diff_lines(old, new);
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
        bodies((&none, old), (&none, new))
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
    }
}
