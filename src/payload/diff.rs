//! What differs between two payloads, value by value.
//!
//! Spelling does not count: white space, the order of members, escapes, `1.0` for `1`.
//! Values are compared where they stand in the text and not as parsed, so that large
//! integers stay exact, and so that whatever is the same byte for byte costs one look.

use std::borrow::Cow;
use std::collections::HashMap;
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::path::{Path, Step};
use super::scan::{Kind, NotJson, Text, compact, end_of_value, key, members};

/// Changes past this many are not listed.
const MAX_CHANGES: usize = 10_000;
/// Deeper values are compared by their text.
const MAX_DEPTH: usize = 128;
/// Arrays of which more elements differ in the middle are compared by index.
const MAX_ALIGNED: usize = 2_000;

/// What became of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeKind {
    /// Only the second payload has it.
    Added,
    /// Only the first payload has it.
    Removed,
    /// Both have it, with another value.
    Changed,
}

impl ChangeKind {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
        }
    }
}

/// One value that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<'a> {
    /// Where it stands, in the first payload where it was removed and else in the second.
    /// Empty for the payload itself.
    pub path: String,
    /// What became of it.
    pub kind: ChangeKind,
    /// The JSON in the first payload as it is written there, unless it was added.
    pub old: Option<&'a str>,
    /// The JSON in the second payload as it is written there, unless it was removed.
    pub new: Option<&'a str>,
}

/// Everything that differs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Difference<'a> {
    /// In the order of the first payload, what was added to an object behind the rest of it.
    pub changes: Vec<Change<'a>>,
    /// Whether there are more changes than are listed.
    pub truncated: bool,
}

/// Compares two payloads.
///
/// # Errors
/// Where one of them is no JSON.
pub fn diff<'a>(old: &'a [u8], new: &'a [u8]) -> Result<Difference<'a>, NotJson> {
    let (old, new) = (Text::of(old)?, Text::of(new)?);
    let mut comparison = Comparison {
        old: old.text,
        new: new.text,
        path: Vec::new(),
        found: Difference::default(),
    };
    comparison.values(old.start, new.start);
    Ok(comparison.found)
}

struct Comparison<'a> {
    old: &'a str,
    new: &'a str,
    path: Vec<Step>,
    found: Difference<'a>,
}

impl<'a> Comparison<'a> {
    /// Compares the values that begin at these places.
    fn values(&mut self, old_at: usize, new_at: usize) {
        let old = &self.old[old_at..end_of_value(self.old, old_at)];
        let new = &self.new[new_at..end_of_value(self.new, new_at)];
        if old == new {
            return;
        }
        let same = match (Kind::at(old, 0), Kind::at(new, 0)) {
            (Kind::Object, Kind::Object) if self.path.len() < MAX_DEPTH => {
                return self.objects(old_at, new_at);
            }
            (Kind::Array, Kind::Array) if self.path.len() < MAX_DEPTH => {
                return self.arrays(old_at, new_at);
            }
            (Kind::Object, Kind::Object) | (Kind::Array, Kind::Array) => {
                compact(old) == compact(new)
            }
            (Kind::Text, Kind::Text) => key(old).is_some_and(|old| key(new) == Some(old)),
            (Kind::Number, Kind::Number) => is_same_number(old, new),
            _ => false,
        };
        if !same {
            self.change(Some(old), Some(new));
        }
    }

    fn objects(&mut self, old_at: usize, new_at: usize) {
        let old = named(self.old, old_at);
        let new = named(self.new, new_at);
        let at: HashMap<&str, usize> = new.iter().map(|(name, at)| (&**name, *at)).collect();
        for (name, old_at) in &old {
            self.path.push(Step::Key(name.to_string()));
            match at.get(&**name) {
                Some(new_at) => self.values(*old_at, *new_at),
                None => self.removed(*old_at),
            }
            self.path.pop();
            if self.found.truncated {
                return;
            }
        }
        let at: HashMap<&str, usize> = old.iter().map(|(name, at)| (&**name, *at)).collect();
        for (name, new_at) in new.iter().filter(|(name, _)| !at.contains_key(&**name)) {
            self.path.push(Step::Key(name.to_string()));
            self.added(*new_at);
            self.path.pop();
        }
    }

    fn arrays(&mut self, old_at: usize, new_at: usize) {
        let old: Vec<_> = members(self.old, old_at).map(|m| m.value).collect();
        let new: Vec<_> = members(self.new, new_at).map(|m| m.value).collect();
        let same = |(a, b): &(&Range<usize>, &Range<usize>)| {
            let (a, b) = (&self.old[(*a).clone()], &self.new[(*b).clone()]);
            a == b || compact(a) == compact(b)
        };
        let front = old.iter().zip(&new).take_while(same).count();
        let back = old[front..].iter().rev().zip(new[front..].iter().rev());
        let back = back.take_while(same).count();
        let old = &old[front..old.len() - back];
        let new = &new[front..new.len() - back];
        if old.len().max(new.len()) > MAX_ALIGNED {
            return self.pair(front, old, front, new);
        }
        let texts = |text: &'a str, spans: &[Range<usize>]| -> Vec<Cow<'a, str>> {
            let texts = spans.iter().map(|span| compact(&text[span.clone()]));
            texts.collect()
        };
        let ops = capture_diff_slices(
            Algorithm::Myers,
            &texts(self.old, old),
            &texts(self.new, new),
        );
        for op in ops {
            if !matches!(op, DiffOp::Equal { .. }) {
                let (in_old, in_new) = (op.old_range(), op.new_range());
                self.pair(
                    front + in_old.start,
                    &old[in_old],
                    front + in_new.start,
                    &new[in_new],
                );
            }
        }
    }

    /// Compares elements one by one; those of the longer side without a partner came or went.
    fn pair(
        &mut self,
        old_index: usize,
        old: &[Range<usize>],
        new_index: usize,
        new: &[Range<usize>],
    ) {
        for at in 0..old.len().max(new.len()) {
            let index = if at < new.len() { new_index } else { old_index } + at;
            self.path.push(Step::Index(index));
            match (old.get(at), new.get(at)) {
                (Some(old), Some(new)) => self.values(old.start, new.start),
                (Some(old), None) => self.removed(old.start),
                (None, Some(new)) => self.added(new.start),
                (None, None) => {}
            }
            self.path.pop();
            if self.found.truncated {
                return;
            }
        }
    }

    fn removed(&mut self, at: usize) {
        let old = &self.old[at..end_of_value(self.old, at)];
        self.change(Some(old), None);
    }

    fn added(&mut self, at: usize) {
        let new = &self.new[at..end_of_value(self.new, at)];
        self.change(None, Some(new));
    }

    fn change(&mut self, old: Option<&'a str>, new: Option<&'a str>) {
        if self.found.changes.len() == MAX_CHANGES {
            self.found.truncated = true;
            return;
        }
        self.found.changes.push(Change {
            path: Path::from(self.path.clone()).to_string(),
            kind: match (old, new) {
                (None, _) => ChangeKind::Added,
                (_, None) => ChangeKind::Removed,
                _ => ChangeKind::Changed,
            },
            old,
            new,
        });
    }
}

/// The members of an object by name, with the places of their values. Of members with the
/// same name the last counts, where the first stood.
fn named(text: &str, at: usize) -> Vec<(Cow<'_, str>, usize)> {
    let mut found: Vec<(Cow<'_, str>, usize)> = Vec::new();
    let mut places: HashMap<Cow<'_, str>, usize> = HashMap::new();
    for member in members(text, at) {
        let quoted = &text[member.key.clone()];
        // One that is no Unicode goes by its spelling.
        let name = key(quoted).unwrap_or(Cow::Borrowed(quoted));
        if let Some(place) = places.get(&name) {
            found[*place].1 = member.value.start;
        } else {
            places.insert(name.clone(), found.len());
            found.push((name, member.value.start));
        }
    }
    found
}

/// Whether two numbers are the same to `JSON.parse`, but with every digit of integers.
fn is_same_number(old: &str, new: &str) -> bool {
    let is_integer = |text: &str| !text.contains(['.', 'e', 'E']);
    if is_integer(old) && is_integer(new) {
        return old == new || (is_zero(old) && is_zero(new));
    }
    match (old.parse::<f64>(), new.parse::<f64>()) {
        (Ok(old), Ok(new)) => old.total_cmp(&new).is_eq() || (old == 0.0 && new == 0.0),
        _ => false,
    }
}

fn is_zero(text: &str) -> bool {
    matches!(text, "0" | "-0")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn changes(old: &str, new: &str) -> Vec<String> {
        let found = diff(old.as_bytes(), new.as_bytes()).unwrap();
        assert!(!found.truncated);
        let shown = found.changes.iter().map(|change| match change.kind {
            ChangeKind::Added => format!("+{} {}", change.path, change.new.unwrap()),
            ChangeKind::Removed => format!("-{} {}", change.path, change.old.unwrap()),
            ChangeKind::Changed => format!(
                "~{} {} {}",
                change.path,
                change.old.unwrap(),
                change.new.unwrap()
            ),
        });
        shown.collect()
    }

    #[test]
    fn values_are_found_by_their_path() {
        for (old, new, expected) in [
            (r#"{"a":1,"b":[]}"#, "{ \"b\" : [ ],\n\"a\": 1.0 }", vec![]),
            (r#""\u00e9\/""#, "\"é/\"", vec![]),
            ("-0", "0", vec![]),
            ("1e2", "100", vec![]),
            // No float tells these apart.
            (
                "12345678901234567890",
                "12345678901234567891",
                vec!["~ 12345678901234567890 12345678901234567891"],
            ),
            ("1", "\"1\"", vec!["~ 1 \"1\""]),
            ("{}", "[]", vec!["~ {} []"]),
            (
                r#"{"data":{"email":"a","gone":1},"n":1}"#,
                r#"{"data":{"email":"b","new":null},"n":1}"#,
                vec!["~data.email \"a\" \"b\"", "-data.gone 1", "+data.new null"],
            ),
            // The last of several counts.
            (r#"{"a":1,"a":2}"#, r#"{"a":3,"a":2}"#, vec![]),
            (r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#, vec!["~a 2 1"]),
        ] {
            assert_eq!(changes(old, new), expected, "{old} {new}");
        }
        assert!(diff(b"{}", b"a=1").is_err());
    }

    #[test]
    fn elements_are_aligned() {
        for (old, new, expected) in [
            ("[1,2,3]", "[0,1,2,3]", vec!["+[0] 0"]),
            ("[1,2,3]", "[1,3]", vec!["-[1] 2"]),
            ("[1,2,3]", "[1, 9, 3]", vec!["~[1] 2 9"]),
            (
                r#"[{"id":1},{"id":2,"x":1},{"id":3}]"#,
                r#"[{"id": 1},{"id":2,"x":5},{"id":3},{"id":4}]"#,
                vec!["~[1].x 1 5", "+[3] {\"id\":4}"],
            ),
            ("[1,1,1]", "[1,1]", vec!["-[2] 1"]),
            ("[1,2,3,4,5]", "[2,3,9,5]", vec!["-[0] 1", "~[2] 4 9"]),
        ] {
            assert_eq!(changes(old, new), expected, "{old} {new}");
        }
    }

    #[test]
    fn large_and_deep_payloads_come_to_an_end() {
        let list = |from: u32, step: u32| -> String {
            let numbers: Vec<_> = (0..200_000)
                .map(|n| (from + n * step).to_string())
                .collect();
            format!("[{}]", numbers.join(","))
        };
        let (old, new) = (list(0, 1), list(1, 2));
        let found = diff(old.as_bytes(), new.as_bytes()).unwrap();
        assert_eq!(found.changes.len(), MAX_CHANGES);
        assert!(found.truncated);
        let deep = |inner| format!("{}{inner}{}", "[".repeat(300_000), "]".repeat(300_000));
        let (old, new) = (deep("1"), deep("2"));
        let found = diff(old.as_bytes(), new.as_bytes()).unwrap();
        assert_eq!(found.changes.len(), 1);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            (0..3u8).prop_map(Value::from),
            "[ab]".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[abc]", inner), 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn there_are_changes_where_the_values_differ(old in values(), new in values()) {
            let (before, after) = (old.to_string(), serde_json::to_string_pretty(&new).unwrap());
            let found = diff(before.as_bytes(), after.as_bytes()).unwrap();
            prop_assert_eq!(found.changes.is_empty(), old == new);
            for change in &found.changes {
                // What it says of the second payload is there.
                if let (Some(json), Ok(path)) = (change.new, change.path.parse::<Path>()) {
                    let mut at = &new;
                    for step in path.steps() {
                        at = match step { Step::Key(key) => &at[key], Step::Index(index) => &at[*index] };
                    }
                    prop_assert_eq!(at, &serde_json::from_str::<Value>(json).unwrap());
                }
            }
        }
    }
}
