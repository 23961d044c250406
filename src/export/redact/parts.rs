//! The parts of a request or an answer.

use bytes::Bytes;

use super::book::{Book, Kind};
use super::context::Context;
use super::json;
use super::text::{fields, url, value};
use super::view::{Edit, apply, shifted};
use crate::delivery::Headers;

/// A body. An error says why it has to be left out: what cannot be read can hold anything.
pub(super) fn body(
    book: &mut Book,
    headers: &Headers,
    body: &Bytes,
) -> Result<Bytes, &'static str> {
    if body.is_empty() {
        return Ok(Bytes::new());
    }
    let is_encoded = headers
        .get_all("content-encoding")
        .any(|encoding| !encoding.trim_ascii().eq_ignore_ascii_case(b"identity"));
    if is_encoded {
        return Err("its body is compressed");
    }
    let media_type = headers.get("content-type").unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(body) {
        if text.contains('\0') {
            return Err("its body is binary");
        }
        let edits = of_text(book, text, media_type);
        return Ok(if edits.is_empty() {
            body.clone()
        } else {
            apply(text, &edits).into()
        });
    }
    // Text in an older encoding, whose bytes are one character each.
    if body.iter().any(|b| *b < b' ' && !b"\t\r\n".contains(b)) {
        return Err("its body is binary");
    }
    Ok(latin_1(body, |text| of_text(book, text, media_type)).into())
}

fn of_text(book: &mut Book, text: &str, media_type: &[u8]) -> Vec<Edit> {
    let is = |part: &[u8]| {
        media_type
            .windows(part.len())
            .any(|window| window.eq_ignore_ascii_case(part))
    };
    if json::is_nearly_json(text) {
        json::edits(book, text, Context::Text, 0)
    } else if is(b"x-www-form-urlencoded") {
        fields(book, text, Context::Text, 0)
    } else {
        value(book, text, Context::Text, 0)
    }
}

/// Changes bytes as if each were a character. Look-alikes are ASCII, so all go back.
fn latin_1(bytes: &[u8], edits: impl FnOnce(&str) -> Vec<Edit>) -> Vec<u8> {
    let text: String = bytes.iter().map(|b| char::from(*b)).collect();
    let edits = edits(&text);
    let back = |c: char| u8::try_from(c).unwrap_or(b'?');
    apply(&text, &edits).chars().map(back).collect()
}

/// Path and query. The path's words are kept: an app finds its way by them.
pub(super) fn path(book: &mut Book, path_and_query: &str) -> String {
    let edits = url(book, path_and_query, Context::Path, 0);
    apply(path_and_query, &edits)
}

/// A target's URL. Its host is kept, unless it is an address.
pub(super) fn target(book: &mut Book, target: &str) -> String {
    let start = target.find("://").map_or(0, |at| at + 3);
    let path = target[start..]
        .find(['/', '?'])
        .map_or(target.len(), |at| start + at);
    let mut edits = value(book, &target[..path], Context::Path, 0);
    edits.extend(shifted(url(book, &target[path..], Context::Path, 0), path));
    apply(target, &edits)
}

/// Header fields, in their order. A length that was right is so again.
pub(super) fn headers(
    book: &mut Book,
    headers: &Headers,
    length: usize,
    before: usize,
) -> Vec<(String, Vec<u8>)> {
    headers
        .iter()
        .filter_map(|(name, value)| {
            let new = match name {
                "content-length" if value == before.to_string().as_bytes() => {
                    length.to_string().into_bytes()
                }
                // Of a body that was left out.
                "content-encoding" if length == 0 && before > 0 => return None,
                _ => match std::str::from_utf8(value) {
                    Ok(text) => {
                        let edits = of_header(book, name, text);
                        apply(text, &edits).into_bytes()
                    }
                    Err(_) => latin_1(value, |text| of_header(book, name, text)),
                },
            };
            Some((name.to_owned(), new))
        })
        .collect()
}

fn of_header(book: &mut Book, name: &str, text: &str) -> Vec<Edit> {
    match name {
        // The scheme's name is kept, and `Basic` is a name and a password at that.
        "authorization" | "proxy-authorization" => {
            let start = text.find(' ').map_or(0, |at| at + 1);
            let edits = value(book, &text[start..], Context::Token, 0);
            shifted(edits, start).collect()
        }
        "cookie" => cookies(book, text, true),
        "set-cookie" => cookies(book, text, false),
        "user-agent" => value(book, text, Context::UserAgent, 0),
        "from" | "reply-to" | "sender" | "to" => value(book, text, Context::MaybeMail, 0),
        "host" | "content-type" | "accept" | "accept-encoding" | "accept-language"
        | "content-length" | "date" => value(book, text, Context::Word, 0),
        _ if is_secret(name) && !text.is_empty() => {
            book.note_token(text);
            let new = book.look_alike(Kind::Token, text);
            vec![Edit {
                at: 0..text.len(),
                new,
            }]
        }
        _ => value(book, text, Context::Text, 0),
    }
}

/// Names of headers whose whole value is for those alone who know it, or is made of the body.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 3] = ["digest", "etag", "md5"];
    Context::of(name) == Context::Token || PARTS.iter().any(|part| name.contains(part))
}

/// The values of cookies; of one that is set, the attributes are kept.
fn cookies(book: &mut Book, text: &str, all: bool) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    for (n, part) in text.split(';').enumerate() {
        let value_at = part.find('=').map(|equals| equals + 1);
        if let Some(start) = value_at.filter(|_| all || n == 0) {
            let raw = part[start..].trim_end();
            edits.extend(shifted(value(book, raw, Context::Token, 0), at + start));
        }
        at += part.len() + 1;
    }
    edits
}
