//! Matching text without regard to case: globs, and words somewhere in a body.

use std::borrow::Cow;

/// The text in lower case, character by character, so that a part of a text becomes the
/// same as it does inside the whole.
pub(super) fn lower(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Cow::Owned(text.to_ascii_lowercase());
        }
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().flat_map(char::to_lowercase).collect())
}

/// A part of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// This character, in lower case.
    Is(char),
    /// Any one character.
    One,
    /// Any run of characters, none included.
    Run,
}

/// A pattern over a whole text: `*` is any run of characters, `?` is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Glob(Vec<Part>);

impl Glob {
    /// Of characters, each with whether it stands for itself even where it is `*` or `?`.
    pub(super) fn new(chars: impl IntoIterator<Item = (char, bool)>) -> Self {
        let mut parts = Vec::new();
        for (c, literal) in chars {
            match c {
                '*' if !literal => {
                    if parts.last() != Some(&Part::Run) {
                        parts.push(Part::Run);
                    }
                }
                '?' if !literal => parts.push(Part::One),
                c => parts.extend(c.to_lowercase().map(Part::Is)),
            }
        }
        Self(parts)
    }

    /// The text that it is, where it has no wildcards.
    pub(super) fn plain(&self) -> Option<String> {
        let plain = self.0.iter().map(|part| match part {
            Part::Is(c) => Some(*c),
            Part::One | Part::Run => None,
        });
        plain.collect()
    }

    /// The same pattern anywhere in a text.
    pub(super) fn anywhere(mut self) -> Self {
        if self.0.first() != Some(&Part::Run) {
            self.0.insert(0, Part::Run);
        }
        if self.0.last() != Some(&Part::Run) {
            self.0.push(Part::Run);
        }
        self
    }

    /// Whether the whole text fits.
    pub(super) fn matches(&self, text: &str) -> bool {
        self.fits(&lower(text))
    }

    /// The same for a text that is in lower case. It goes back to the last `*` only, which
    /// is enough, so that the work is bounded by the product of the two lengths.
    fn fits(&self, text: &str) -> bool {
        let mut rest = text.chars();
        let mut at = 0;
        let mut back = None;
        loop {
            if self.0.get(at) == Some(&Part::Run) {
                at += 1;
                if at == self.0.len() {
                    return true;
                }
                back = Some((at, rest.clone()));
                continue;
            }
            match (rest.next(), self.0.get(at)) {
                (None, None) => return true,
                (None, Some(_)) => return false,
                (Some(_), Some(Part::One)) => at += 1,
                (Some(c), Some(Part::Is(wanted))) if c == *wanted => at += 1,
                _ => {
                    let Some((again, from)) = &mut back else {
                        return false;
                    };
                    from.next();
                    at = *again;
                    rest = from.clone();
                }
            }
        }
    }
}

/// A text that is looked for in a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Needle {
    /// This one, in lower case.
    Plain(String),
    /// What fits this glob.
    Glob(Glob),
}

impl Needle {
    /// Of a pattern.
    pub(super) fn new(glob: Glob) -> Self {
        match glob.plain() {
            Some(text) => Self::Plain(text),
            None => Self::Glob(glob.anywhere()),
        }
    }

    /// Whether it is in the body, as it stands there or as JSON's escapes are read:
    /// PHP writes `http:\/\/` and `caf\u00e9`.
    pub(super) fn is_in(&self, body: &[u8]) -> bool {
        let text = String::from_utf8_lossy(body);
        self.is_in_text(&text) || text.contains('\\') && self.is_in_text(&without_escapes(&text))
    }

    fn is_in_text(&self, text: &str) -> bool {
        let text = lower(text);
        match self {
            Self::Plain(needle) => text.contains(needle.as_str()),
            Self::Glob(glob) => glob.fits(&text),
        }
    }
}

/// The text with JSON's escapes taken off; what is none of them stays.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (c, length) = match rest.as_bytes().get(1) {
            Some(b'n') => ('\n', 2),
            Some(b'r') => ('\r', 2),
            Some(b't') => ('\t', 2),
            Some(b'b') => ('\u{8}', 2),
            Some(b'f') => ('\u{c}', 2),
            Some(b @ (b'/' | b'"' | b'\\')) => (char::from(*b), 2),
            Some(b'u') => code_point(rest).unwrap_or(('\\', 1)),
            _ => ('\\', 1),
        };
        out.push(c);
        rest = &rest[length..];
    }
    out.push_str(rest);
    out
}

/// The character of `\u00e9`, or of two such that are a pair, and how long that is.
fn code_point(text: &str) -> Option<(char, usize)> {
    let unit = |from: usize| {
        let digits = text.get(from..from + 6)?.strip_prefix("\\u")?;
        let digits = digits
            .bytes()
            .all(|b| b.is_ascii_hexdigit())
            .then_some(digits)?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Ok(c) = char::decode_utf16([first]).next()? {
        return Some((c, 6));
    }
    let pair = char::decode_utf16([first, unit(6)?]).next()?;
    pair.ok().map(|c| (c, 12))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn glob(text: &str) -> Glob {
        Glob::new(text.chars().map(|c| (c, false)))
    }

    /// The same by recursion.
    fn slowly(glob: &[char], text: &[char]) -> bool {
        match glob.split_first() {
            None => text.is_empty(),
            Some(('*', rest)) => (0..=text.len()).any(|at| slowly(rest, &text[at..])),
            Some(('?', rest)) => !text.is_empty() && slowly(rest, &text[1..]),
            Some((c, rest)) => text.first() == Some(c) && slowly(rest, &text[1..]),
        }
    }

    #[test]
    fn globs_fit_whole_texts() {
        for (pattern, text) in [
            ("", ""),
            ("*", ""),
            ("*@Example.com", "ada@EXAMPLE.COM"),
            ("a?c", "aéc"),
            ("a**c", "abbc"),
            ("É*", "école"),
            ("*ab", "aaab"),
        ] {
            assert!(glob(pattern).matches(text), "{pattern} {text}");
        }
        for (pattern, text) in [("", "a"), ("a", "ab"), ("?", ""), ("*a", "ab"), ("a?", "a")] {
            assert!(!glob(pattern).matches(text), "{pattern} {text}");
        }
        let literal = Glob::new("a*".chars().map(|c| (c, true)));
        assert!(literal.matches("A*") && !literal.matches("ab"));
    }

    #[test]
    fn bodies_are_searched_as_they_are_and_unescaped() {
        let body =
            br#"{"url":"https:\/\/x.test","name":"caf\u00e9 \ud83d\ude00","cut":"\ud83d\u00"}"#;
        for (needle, found) in [
            ("HTTPS://X", true),
            (r"https:\/\/x", true),
            ("CAFÉ", true),
            ("😀", true),
            (r"\ud83d\u00", true),
            ("x.*café", true),
            ("café*x.", false),
            ("nothing", false),
        ] {
            let needle_of = Needle::new(glob(needle));
            assert_eq!(needle_of.is_in(body), found, "{needle}");
        }
        assert!(Needle::new(glob("ab")).is_in(b"\xff\xfeAB\xff"));
        assert!(Needle::new(glob("")).is_in(b""));
    }

    proptest! {
        #[test]
        fn globs_agree_with_the_slow_way(pattern in "[ab*?é]{0,8}", text in "[abé]{0,10}") {
            let slow = slowly(
                &pattern.chars().collect::<Vec<_>>(),
                &text.chars().collect::<Vec<_>>(),
            );
            prop_assert_eq!(glob(&pattern).matches(&text), slow);
        }

        #[test]
        fn any_body_is_searched(
            body in proptest::collection::vec(any::<u8>(), 0..80),
            text in "(\\\\|u|d8|3d|00|e9|[/nx\"é]){0,12}",
            pattern in "\\PC{0,8}",
        ) {
            let needle = Needle::new(glob(&pattern));
            let _ = needle.is_in(&body);
            let _ = needle.is_in(text.as_bytes());
        }

        #[test]
        fn escapes_are_read_as_json_reads_them(text in any::<String>()) {
            let escaped: Vec<_> = text.encode_utf16().map(|u| format!("\\u{u:04x}")).collect();
            let escaped = escaped.concat();
            prop_assert_eq!(&without_escapes(&escaped), &text);
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(&without_escapes(&json[1..json.len() - 1]), &text);
        }
    }
}
