//! What a body is to people: its encodings, and whether it is text or a form.

use std::borrow::Cow;

use crate::delivery::{Headers, value_text};

/// The value of every `Content-Encoding`, as [`decoded`](super::decode::decoded) takes it.
pub fn encodings(headers: &Headers) -> String {
    let all: Vec<_> = headers
        .get_all("content-encoding")
        .map(value_text)
        .collect();
    all.join(", ")
}

/// The body as text, unless it holds what no text does.
pub fn as_text(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?;
    let is_binary = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\n' | '\r' | '\x1b');
    (!text.contains(is_binary)).then_some(text)
}

/// Whether the headers say that it is the form of a web page.
pub fn is_form(headers: &Headers) -> bool {
    is(headers, "application/x-www-form-urlencoded")
}

/// Whether the headers say that it is JSON, as `application/json` or `…+json`.
pub fn is_json(headers: &Headers) -> bool {
    let kind = kind(headers);
    let name = kind.split(';').next().unwrap_or_default().trim();
    name.ends_with("/json") || name.ends_with("+json")
}

/// Names and values of a form, decoded, in order.
pub fn fields(text: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    form_urlencoded::parse(text.trim().as_bytes())
}

fn is(headers: &Headers, name: &str) -> bool {
    kind(headers).starts_with(name)
}

fn kind(headers: &Headers) -> String {
    let kind = headers.get("content-type").unwrap_or_default();
    value_text(kind).trim_start().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: &str) -> Headers {
        [("content-type", kind)].into_iter().collect()
    }

    #[test]
    fn media_types_are_read_without_their_parameters() {
        assert!(is_form(&of(
            "Application/X-WWW-form-urlencoded;charset=utf-8"
        )));
        assert!(is_json(&of("application/json; charset=utf-8")));
        assert!(is_json(&of("application/problem+json")));
        assert!(!is_json(&of("text/plain; x=/json")));
        assert!(!is_form(&Headers::default()) && !is_json(&Headers::default()));
    }

    #[test]
    fn text_has_no_control_characters() {
        assert_eq!(as_text(b"a\tb\r\n\x1b[1m"), Some("a\tb\r\n\x1b[1m"));
        assert_eq!(as_text(b"a\0"), None);
        assert_eq!(as_text(b"\xff"), None);
    }
}
