//! Text behind an encoding, and changes to it that leave every other byte as it is.

use std::ops::Range;

/// A change: what stands there becomes something else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Edit {
    pub(super) at: Range<usize>,
    pub(super) new: String,
}

/// Makes changes that are in order and do not overlap.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut done = 0;
    for edit in edits {
        out.push_str(&text[done..edit.at.start]);
        out.push_str(&edit.new);
        done = edit.at.end;
    }
    out.push_str(&text[done..]);
    out
}

/// The same changes, to a text that this one begins so many bytes into.
pub(super) fn shifted(edits: Vec<Edit>, by: usize) -> impl Iterator<Item = Edit> {
    edits.into_iter().map(move |edit| Edit {
        at: edit.at.start + by..edit.at.end + by,
        new: edit.new,
    })
}

/// A decoded text that knows where each of its characters came from.
pub(super) struct View {
    pub(super) text: String,
    /// For each byte of `text`, and its end, the place in the encoded text.
    starts: Vec<usize>,
}

impl View {
    fn with_capacity(length: usize) -> Self {
        Self {
            text: String::with_capacity(length),
            starts: Vec::with_capacity(length + 1),
        }
    }

    fn push(&mut self, c: char, start: usize) {
        self.text.push(c);
        self.starts.resize(self.text.len(), start);
    }

    /// Changes of the decoded text as changes of the encoded one.
    pub(super) fn edits(&self, edits: Vec<Edit>, encode: impl Fn(&str) -> String) -> Vec<Edit> {
        let place = |at: usize| self.starts.get(at).copied().unwrap_or_default();
        edits
            .into_iter()
            .map(|edit| Edit {
                at: place(edit.at.start)..place(edit.at.end),
                new: encode(&edit.new),
            })
            .collect()
    }

    /// What stands between the quotes of a JSON string.
    pub(super) fn of_json(raw: &str) -> Self {
        let mut view = Self::with_capacity(raw.len());
        let mut at = 0;
        while let Some(c) = raw[at..].chars().next() {
            if c == '\\' {
                let (c, length) = escape(&raw[at..]);
                view.push(c, at);
                at += length;
            } else {
                view.push(c, at);
                at += c.len_utf8();
            }
        }
        view.starts.push(at);
        view
    }

    /// Percent-encoded text; with `plus`, a plus is a space, as in forms.
    pub(super) fn of_percent(raw: &str, plus: bool) -> Self {
        let mut view = Self::with_capacity(raw.len());
        let mut at = 0;
        while let Some(c) = raw[at..].chars().next() {
            let (decoded, length) =
                encoded_char(&raw.as_bytes()[at..]).unwrap_or((c, c.len_utf8()));
            let decoded = if plus && c == '+' { ' ' } else { decoded };
            view.push(decoded, at);
            at += length;
        }
        view.starts.push(at);
        view
    }
}

/// What follows a backslash, and how long it is with it. What is no escape stands for itself.
fn escape(raw: &str) -> (char, usize) {
    let bytes = raw.as_bytes();
    let unit = |at: usize| {
        let digits = raw.get(at..at + 4)?;
        u32::from_str_radix(digits, 16).ok()
    };
    match bytes.get(1) {
        Some(b'u') => {
            let Some(first) = unit(2) else {
                return ('\\', 1);
            };
            if let Some(c) = char::from_u32(first) {
                return (c, 6);
            }
            let second = (raw.get(6..8) == Some("\\u")).then(|| unit(8)).flatten();
            if let (0xd800..0xdc00, Some(second @ 0xdc00..0xe000)) = (first, second) {
                let c = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return (char::from_u32(c).unwrap_or('\u{fffd}'), 12);
            }
            ('\u{fffd}', 6)
        }
        Some(b'n') => ('\n', 2),
        Some(b'r') => ('\r', 2),
        Some(b't') => ('\t', 2),
        Some(b'b') => ('\u{8}', 2),
        Some(b'f') => ('\u{c}', 2),
        Some(c @ (b'"' | b'\\' | b'/')) => (char::from(*c), 2),
        _ => ('\\', 1),
    }
}

/// The character that percent-encoded bytes begin with, and how long it is encoded. Bytes
/// that are not UTF-8 are read as Latin-1.
fn encoded_char(raw: &[u8]) -> Option<(char, usize)> {
    let byte = |at: usize| {
        let escape = raw.get(at..at + 3)?;
        let digits = escape.strip_prefix(b"%")?;
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let first = byte(0)?;
    let length = match first {
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => 1,
    };
    let bytes: Vec<u8> = (0..length).map_while(|at| byte(at * 3)).collect();
    match std::str::from_utf8(&bytes) {
        Ok(text) => Some((text.chars().next()?, length * 3)),
        Err(_) => Some((char::from(first), 3)),
    }
}

/// As it stands between a JSON string's quotes.
pub(super) fn json_encoded(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

/// As it stands in a query.
pub(super) fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(text.len());
    for b in text.bytes() {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) {
            out.push(char::from(b));
        } else {
            let _ = write!(out, "%{b:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn changes_go_through_an_encoding() {
        let raw = r#"a\u0040b\/\ud83d\ude00\n\""#;
        let view = View::of_json(raw);
        assert_eq!(view.text, "a@b/\u{1f600}\n\"");
        let edit = Edit {
            at: 1..3,
            new: "\"x".into(),
        };
        let edits = view.edits(vec![edit], json_encoded);
        assert_eq!(apply(raw, &edits), r#"a\"x\/\ud83d\ude00\n\""#);
        let raw = "a%40b%C3%A9+%zz%ff";
        let view = View::of_percent(raw, true);
        assert_eq!(view.text, "a@b\u{e9} %zz\u{ff}");
        let edit = Edit {
            at: 1..5,
            new: "@".into(),
        };
        assert_eq!(
            apply(raw, &view.edits(vec![edit], percent_encoded)),
            "a%40+%zz%ff"
        );
    }

    proptest! {
        #[test]
        fn views_cover_any_text(raw in "(\\\\|u|d8|dc|00|%|[0-9a-f]|é|\\PC|\\+){0,20}") {
            for view in [View::of_json(&raw), View::of_percent(&raw, true)] {
                let whole = Edit { at: 0..view.text.len(), new: String::new() };
                prop_assert_eq!(apply(&raw, &view.edits(vec![whole], str::to_owned)), "");
                for (at, c) in view.text.char_indices() {
                    let one = Edit { at: at..at + c.len_utf8(), new: String::new() };
                    let edits = view.edits(vec![one], str::to_owned);
                    prop_assert!(raw.get(edits[0].at.clone()).is_some_and(|part| !part.is_empty()));
                }
            }
        }

        #[test]
        fn a_json_view_is_what_a_parser_reads(text in any::<String>()) {
            prop_assert_eq!(View::of_json(&json_encoded(&text)).text, text);
        }
    }
}
