//! Finding one's way in JSON text, by the byte and without a stack: nesting costs nothing.
//!
//! Everything but [`Text::of`] takes text that it has checked.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use serde::de::IgnoredAny;

/// A payload that is JSON, and where its one value stands in it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text<'a> {
    /// The whole payload.
    pub(super) text: &'a str,
    /// Where the value begins, past a byte-order mark and white space.
    pub(super) start: usize,
}

/// Why a payload is no JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotJson(Box<str>);

impl fmt::Display for NotJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'a> Text<'a> {
    /// Checks that a payload is JSON, however deep.
    ///
    /// # Errors
    /// Where it is not, with the place.
    pub(super) fn of(body: &'a [u8]) -> Result<Self, NotJson> {
        let text = std::str::from_utf8(body).map_err(|error| {
            NotJson(format!("it is not UTF-8 from byte {} on", error.valid_up_to()).into())
        })?;
        let json = text.strip_prefix('\u{feff}').unwrap_or(text);
        if json.trim_ascii().is_empty() {
            return Err(NotJson("it is empty".into()));
        }
        // What is ignored is checked all the same, and takes no stack.
        serde_json::from_str::<IgnoredAny>(json)
            .map_err(|error| NotJson(error.to_string().into()))?;
        let start = skip_space(text, text.len() - json.len());
        Ok(Self { text, start })
    }
}

/// Checks that a payload is JSON, however deep.
///
/// # Errors
/// Where it is not, with the place.
pub fn check(body: &[u8]) -> Result<(), NotJson> {
    Text::of(body).map(drop)
}

/// A kind of value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `{…}`
    Object,
    /// `[…]`
    Array,
    /// `"…"`
    Text,
    /// `-1.5e+3`
    Number,
    /// `true`, `false` or `null`
    Word,
}

impl Kind {
    /// Of the value that begins at `at`.
    pub(super) fn at(text: &str, at: usize) -> Self {
        match text.as_bytes().get(at) {
            Some(b'{') => Self::Object,
            Some(b'[') => Self::Array,
            Some(b'"') => Self::Text,
            Some(b't' | b'f' | b'n') => Self::Word,
            _ => Self::Number,
        }
    }
}

/// The first byte at or after `at` that is no white space, or the end.
pub(super) fn skip_space(text: &str, at: usize) -> usize {
    let is_space = |b: &u8| matches!(b, b' ' | b'\t' | b'\n' | b'\r');
    let rest = &text.as_bytes()[at.min(text.len())..];
    at + rest.iter().take_while(|b| is_space(b)).count()
}

/// Past the end of the string that begins at `at`.
pub(super) fn end_of_string(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

/// Past the end of the value that begins at `at`.
pub(super) fn end_of_value(text: &str, at: usize) -> usize {
    let bytes = text.as_bytes();
    match Kind::at(text, at) {
        Kind::Text => end_of_string(text, at),
        Kind::Number | Kind::Word => {
            let is_part = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
            at + bytes[at..].iter().take_while(|b| is_part(b)).count()
        }
        Kind::Object | Kind::Array => {
            let (mut depth, mut at) = (0usize, at);
            while let Some(byte) = bytes.get(at) {
                match byte {
                    b'"' => {
                        at = end_of_string(text, at);
                        continue;
                    }
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => {
                        depth -= 1;
                        if depth == 0 {
                            return at + 1;
                        }
                    }
                    _ => {}
                }
                at += 1;
            }
            text.len()
        }
    }
}

/// A member of an object or an element of an array, by where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    /// The key with its quotes; empty, and at the value's start, in an array.
    pub(super) key: Range<usize>,
    /// The value.
    pub(super) value: Range<usize>,
}

impl Member {
    /// Whether its key, unescaped, is this one.
    pub(super) fn is_named(&self, text: &str, name: &str) -> bool {
        key(&text[self.key.clone()]).is_some_and(|key| key == name)
    }
}

/// A string without its quotes and escapes; `None` for one with half a surrogate pair.
pub(super) fn key(quoted: &str) -> Option<Cow<'_, str>> {
    let inner = quoted.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        serde_json::from_str::<String>(quoted).ok().map(Cow::Owned)
    } else {
        Some(Cow::Borrowed(inner))
    }
}

/// The same JSON without the white space between its parts.
pub(super) fn compact(json: &str) -> Cow<'_, str> {
    let mut out = String::new();
    // Up to where it is copied, and whether anything was left out.
    let (mut done, mut at, mut shorter) = (0, 0, false);
    while let Some(byte) = json.as_bytes().get(at) {
        match byte {
            b'"' => at = end_of_string(json, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                out.push_str(&json[done..at]);
                at = skip_space(json, at);
                done = at;
                shorter = true;
            }
            _ => at += 1,
        }
    }
    if !shorter {
        return Cow::Borrowed(json);
    }
    out.push_str(&json[done..]);
    Cow::Owned(out)
}

/// The members of the object, or elements of the array, that begins at `at`.
pub(super) fn members(text: &str, at: usize) -> Members<'_> {
    Members {
        text,
        at: at + 1,
        keyed: Kind::at(text, at) == Kind::Object,
    }
}

/// See [`members`].
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
    keyed: bool,
}

impl Iterator for Members<'_> {
    type Item = Member;

    fn next(&mut self) -> Option<Member> {
        let text = self.text;
        let mut at = skip_space(text, self.at);
        if text.as_bytes().get(at) == Some(&b',') {
            at = skip_space(text, at + 1);
        }
        if matches!(text.as_bytes().get(at), None | Some(b'}' | b']')) {
            self.at = at;
            return None;
        }
        let key = if self.keyed {
            let end = end_of_string(text, at);
            let key = at..end;
            // Past the colon.
            at = skip_space(text, skip_space(text, end) + 1);
            key
        } else {
            at..at
        };
        let value = at..end_of_value(text, at);
        self.at = value.end;
        Some(Member { key, value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_found_where_they_stand() {
        let text = " {\"a\" : [1, \"]\\\"\"] ,\"b\":{},\"\\u0063\":-1.5e+3}";
        let json = Text::of(text.as_bytes()).unwrap();
        assert_eq!(json.start, 1);
        let found: Vec<_> = members(text, 1)
            .map(|m| (&text[m.key.clone()], &text[m.value.clone()]))
            .collect();
        assert_eq!(
            found,
            [
                ("\"a\"", "[1, \"]\\\"\"]"),
                ("\"b\"", "{}"),
                ("\"\\u0063\"", "-1.5e+3")
            ]
        );
        assert!(members(text, 1).last().unwrap().is_named(text, "c"));
        assert_eq!(members("[]", 0).count(), 0);
        assert_eq!(members("[ 1 , 2 ]", 0).count(), 2);
    }

    #[test]
    fn what_is_no_json_is_said_with_its_place() {
        for (body, problem) in [
            (b"".as_slice(), "it is empty"),
            (b" \n", "it is empty"),
            (b"a=1", "expected value at line 1 column 1"),
            (b"{\"a\":1} x", "trailing characters at line 1 column 9"),
            (b"{\"\xff\":1}", "it is not UTF-8 from byte 2 on"),
        ] {
            assert_eq!(Text::of(body).unwrap_err().to_string(), problem);
        }
    }

    #[test]
    fn nesting_takes_no_stack() {
        let deep = format!("{}1{}", "[".repeat(1_000_000), "]".repeat(1_000_000));
        let json = Text::of(deep.as_bytes()).unwrap();
        assert_eq!(end_of_value(deep.as_str(), json.start), deep.len());
    }
}
