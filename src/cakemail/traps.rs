//! Samples that only those take who hash the very bytes that came.
//!
//! Most samples read the same when a handler has parsed them and writes them anew, so that one
//! which hashes what it wrote itself takes them, and refuses the next delivery that has an
//! escaped slash in it. These never do, whatever writes them, and what they say stays the same.

use std::fmt::Write as _;

/// A member whose text is for people, so that a letter more in it is no matter.
const FREE: &str = "\"user_agent\":\"";

/// What ends a member's name and begins a text, without white space or with it.
const TEXTS: [&str; 2] = ["\":\"", "\": \""];

/// The sample as somebody writes it who escapes slashes, writes a character as `\u` that needs
/// none, and leaves letters beyond ASCII as they are.
pub fn with_traps(sample: &str) -> String {
    let mut text = String::with_capacity(sample.len() + 32);
    let mut before = None;
    for c in sample.chars() {
        // JSON has slashes in texts only.
        if c == '/' && before != Some('\\') {
            text.push('\\');
        }
        text.push(c);
        before = Some(c);
    }
    if let Some(at) = text.find(FREE) {
        text.insert_str(at + FREE.len(), "\u{e9} ");
    }
    let starts = TEXTS
        .iter()
        .filter_map(|start| Some(text.rfind(start)? + start.len()));
    let Some(at) = starts.max() else { return text };
    if let Some(c) = text[at..]
        .chars()
        .next()
        .filter(char::is_ascii_alphanumeric)
    {
        let mut escaped = String::new();
        // Writing to a text does not fail.
        let _ = write!(escaped, "\\u{:04x}", u32::from(c));
        text.replace_range(at..=at, &escaped);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::sample::{Envelope, all};
    use crate::cakemail::serializer::Serializer;
    use jiff::Timestamp;
    use serde_json::Value;

    #[test]
    fn what_it_says_stays_and_nobody_writes_it_the_same_again() {
        let at = Timestamp::from_second(1_764_000_000).unwrap();
        for sample in all() {
            for envelope in [Envelope::Manual, Envelope::Api] {
                let plain = String::from_utf8(sample.body(envelope, 3, at)).unwrap();
                let trapped = with_traps(&plain);
                let mut value: Value = serde_json::from_str(&trapped).unwrap();
                for serializer in [
                    Serializer::JavaScript,
                    Serializer::Python,
                    Serializer::Php,
                    Serializer::Ruby,
                ] {
                    let written = serializer.write(&value);
                    assert_ne!(written, trapped.as_bytes(), "{serializer:?}: {trapped}");
                }
                if let Some(agent) = value.pointer_mut("/data/user_agent") {
                    let text = agent.as_str().unwrap().strip_prefix("\u{e9} ").unwrap();
                    *agent = text.into();
                }
                assert_eq!(value, serde_json::from_str::<Value>(&plain).unwrap());
            }
        }
    }

    #[test]
    fn an_opened_email_has_all_of_them() {
        let plain = r#"{"data":{"user_agent":"a/b\/c","ip_address":"203.0.113.9"}}"#;
        assert_eq!(
            with_traps(plain),
            r#"{"data":{"user_agent":"é a\/b\/c","ip_address":"\u003203.0.113.9"}}"#
        );
        for plain in ["{}", "[1.0]", r#"{"a":""}"#, r#"{"a":"\n"}"#] {
            assert_eq!(with_traps(plain), plain);
        }
    }
}
