//! Strangers' text on its way to a terminal.
//!
//! A payload can hold escape sequences that retitle the window, write the clipboard
//! or repaint the screen, and bidirectional marks that make text read as something
//! else. They are made visible here, once, and nowhere else.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a terminal would act on this character, or show nothing or something else
/// in its place: C0 and C1 controls, DEL, bidirectional marks, line and paragraph
/// separators, the byte-order mark, blank letters and other invisible format characters.
pub const fn is_unsafe_on_terminal(c: char) -> bool {
    matches!(c,
        '\0'..='\x1f' | '\x7f'..='\u{9f}'
        | '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}'
        | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}'
        | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// The same text with every unsafe character written as `\n`, `\x1b` or `\u{202e}`.
pub fn escape_for_terminal(text: &str) -> Cow<'_, str> {
    escape_with(text, |out, c| match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if (c as u32) < 0x100 => drop(write!(out, "\\x{:02x}", c as u32)),
        c => drop(write!(out, "\\u{{{:x}}}", c as u32)),
    })
}

/// The same JSON with every unsafe character written as `\u` and four digits, which means the
/// same to a JSON parser. In JSON text such characters stand inside strings only, but
/// for the line ends and tabs of pretty printing, which this must not be given.
pub fn escape_json_for_terminal(json: &str) -> Cow<'_, str> {
    escape_with(json, |out, c| {
        let mut units = [0; 2];
        for unit in c.encode_utf16(&mut units) {
            let _ = write!(out, "\\u{unit:04x}");
        }
    })
}

fn escape_with(text: &str, mut escape: impl FnMut(&mut String, char)) -> Cow<'_, str> {
    let Some(first) = text.find(is_unsafe_on_terminal) else {
        return Cow::Borrowed(text);
    };
    let mut out = String::with_capacity(text.len() + 16);
    out.push_str(&text[..first]);
    for c in text[first..].chars() {
        if is_unsafe_on_terminal(c) {
            escape(&mut out, c);
        } else {
            out.push(c);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn escape_sequences_become_visible() {
        for (given, shown) in [
            ("plain é ✓", "plain é ✓"),
            ("\x1b]0;owned\x07", "\\x1b]0;owned\\x07"),
            ("\u{9b}31m", "\\x9b31m"),
            ("a\u{202e}b", "a\\u{202e}b"),
            ("two\r\nlines", "two\\r\\nlines"),
        ] {
            assert_eq!(escape_for_terminal(given), shown);
        }
    }

    proptest! {
        #[test]
        fn nothing_unsafe_is_left(text in any::<String>()) {
            prop_assert!(!escape_for_terminal(&text).chars().any(is_unsafe_on_terminal));
        }

        #[test]
        fn json_means_the_same(text in any::<String>()) {
            let json = serde_json::to_string(&text).unwrap();
            let escaped = escape_json_for_terminal(&json);
            prop_assert!(!escaped.chars().any(is_unsafe_on_terminal));
            prop_assert_eq!(serde_json::from_str::<String>(&escaped).unwrap(), text);
        }
    }
}
