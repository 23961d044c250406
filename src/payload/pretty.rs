//! JSON laid out for people, each value spelt as it came.

use std::io;

use super::scan::{Kind, NotJson, Text, end_of_value, skip_space};

/// Deeper values stay on one line: indentation of a million levels would fill a disk.
const MAX_DEPTH: usize = 64;

/// A piece of JSON on its way to a screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token<'a> {
    /// A member's name, with its quotes.
    Key(&'a str),
    /// A string, with its quotes.
    Text(&'a str),
    /// A number.
    Number(&'a str),
    /// `true`, `false` or `null`.
    Word(&'a str),
    /// Brackets, commas and colons, the latter with a space.
    Mark(&'a str),
    /// A new line, indented by so many levels.
    Line(usize),
}

/// Lays a payload out, piece by piece.
///
/// # Errors
/// Where it is no JSON, before the first piece; inside, those of `write`.
pub fn pretty(
    body: &[u8],
    mut write: impl FnMut(Token<'_>) -> io::Result<()>,
) -> Result<io::Result<()>, NotJson> {
    let Text { text, start } = Text::of(body)?;
    Ok(lay_out(text, start, &mut write))
}

fn lay_out(
    text: &str,
    start: usize,
    write: &mut impl FnMut(Token<'_>) -> io::Result<()>,
) -> io::Result<()> {
    // For each bracket that is open, whether it is an object's.
    let mut open: Vec<bool> = Vec::new();
    let mut at = start;
    let mut names = false;
    while let Some(byte) = text.as_bytes().get(at) {
        let end = match byte {
            b'{' | b'[' => {
                let inside = skip_space(text, at + 1);
                if matches!(text.as_bytes().get(inside), Some(b'}' | b']')) {
                    write(Token::Mark(if *byte == b'{' { "{}" } else { "[]" }))?;
                    inside + 1
                } else {
                    write(Token::Mark(&text[at..=at]))?;
                    names = *byte == b'{';
                    open.push(names);
                    line(open.len(), write)?;
                    inside
                }
            }
            b'}' | b']' => {
                let depth = open.len();
                open.pop();
                if depth <= MAX_DEPTH {
                    write(Token::Line(depth - 1))?;
                }
                write(Token::Mark(&text[at..=at]))?;
                at + 1
            }
            b',' => {
                write(Token::Mark(","))?;
                names = open.last().copied().unwrap_or_default();
                line(open.len(), write)?;
                at + 1
            }
            b':' => {
                write(Token::Mark(": "))?;
                at + 1
            }
            _ => {
                let (token, end) = scalar(text, at, names);
                write(token)?;
                names = false;
                end
            }
        };
        at = skip_space(text, end);
    }
    Ok(())
}

/// The name or plain value that begins at `at`, and where it ends.
fn scalar(text: &str, at: usize, is_name: bool) -> (Token<'_>, usize) {
    let end = end_of_value(text, at);
    let word = &text[at..end];
    let token = match Kind::at(text, at) {
        Kind::Text if is_name => Token::Key(word),
        Kind::Text => Token::Text(word),
        Kind::Word => Token::Word(word),
        _ => Token::Number(word),
    };
    (token, end)
}

fn line(depth: usize, write: &mut impl FnMut(Token<'_>) -> io::Result<()>) -> io::Result<()> {
    if depth <= MAX_DEPTH {
        write(Token::Line(depth))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn laid_out(body: &str) -> String {
        let mut out = String::new();
        pretty(body.as_bytes(), |token| {
            match token {
                Token::Line(depth) => {
                    out.push('\n');
                    out.push_str(&"  ".repeat(depth));
                }
                Token::Key(text)
                | Token::Text(text)
                | Token::Number(text)
                | Token::Word(text)
                | Token::Mark(text) => out.push_str(text),
            }
            Ok(())
        })
        .unwrap()
        .unwrap();
        out
    }

    #[test]
    fn spellings_stay() {
        assert_eq!(
            laid_out("\u{feff} {\"a\":[1.50e+2,\"\\/\\u00e9\", {} ,[ ]],\"a\":null}\n"),
            "{\n  \"a\": [\n    1.50e+2,\n    \"\\/\\u00e9\",\n    {},\n    []\n  ],\n  \"a\": null\n}"
        );
        assert_eq!(laid_out("7"), "7");
        assert!(pretty(b"a=1", |_| Ok(())).is_err());
    }

    #[test]
    fn names_are_told_from_texts() {
        let mut keys = Vec::new();
        let body = br#"{"a":"x","b":["y",{"c":"z"},"w"],"d":1}"#;
        let _ = pretty(body, |token| {
            if let Token::Key(key) = token {
                keys.push(key.to_owned());
            }
            Ok(())
        });
        assert_eq!(keys, ["\"a\"", "\"b\"", "\"c\"", "\"d\""]);
    }

    #[test]
    fn nesting_costs_no_stack_and_little_space() {
        let deep = format!("{}1{}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(laid_out(&deep).len() < 1_100_000);
    }

    proptest! {
        #[test]
        fn it_is_as_serde_json_lays_it_out(body in "[\\[\\]{}\":,0-9a \n]{0,24}") {
            if let Ok(value) = serde_json::from_str::<serde_json::Value>(&body) {
                let laid = laid_out(&body);
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&laid).unwrap(), value);
            }
        }
    }
}
