//! What happens to bodies on odd ways: text modes, encodings, and bodies that no parser read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{BOM, Change};
use crate::cakemail::serializer::Style;

const ENCODING: &str = "pass the body on as bytes: something decodes and encodes it on the way";

/// What happens to bytes on odd ways.
pub(in super::super) const RARE: &[Change] = &[
    Change::bytes(
        "body_crlf_to_lf",
        "the body with CR LF where it has LF",
        "pass the body on as bytes: something changed its line ends, such as text mode or git",
        |source| {
            let text = source.text()?;
            Some(text.replace("\r\n", "\n").replace('\n', "\r\n").into())
        },
    ),
    Change::bytes(
        "body_lf_to_crlf",
        "the body with LF where it has CR LF",
        "pass the body on as bytes: something changed its line ends, such as text mode or git",
        |source| Some(source.text()?.replace("\r\n", "\n").into()),
    ),
    Change::bytes(
        "body_bom_added",
        "the body without the byte order mark before it",
        "write the body without a byte order mark: in PowerShell 5 and .NET, UTF-8 has one unless it is told not to",
        |source| Some(source.bytes.strip_prefix(BOM)?.into()),
    ),
    Change::bytes(
        "body_bom_stripped",
        "the body with a byte order mark before it",
        "hash the bytes that are sent: the sender signs a byte order mark which it does not send",
        |source| Some([BOM, source.bytes].concat()),
    ),
    Change::bytes(
        "body_latin_1",
        "the body with its UTF-8 read as Latin-1",
        ENCODING,
        |source| {
            let text: String = source.bytes.iter().map(|b| char::from(*b)).collect();
            Some(text.into())
        },
    ),
    Change::bytes(
        "body_latin_1",
        "the body in Latin-1, not in UTF-8",
        ENCODING,
        |source| {
            let text = source.text()?;
            text.chars().map(|c| u8::try_from(c).ok()).collect()
        },
    ),
    Change::bytes(
        "body_not_utf8",
        "the body with U+FFFD for what is not UTF-8",
        "hash the bytes and not a text made of them, since not all of them are UTF-8",
        |source| Some(String::from_utf8_lossy(source.bytes).into_owned().into()),
    ),
    Change::bytes(
        "body_percent_decoded",
        "the body percent-decoded",
        ENCODING,
        |source| Some(percent_decoded(source.bytes, false)),
    ),
    Change::bytes(
        "body_percent_decoded",
        "the body decoded as a form is",
        ENCODING,
        |source| Some(percent_decoded(source.bytes, true)),
    ),
    Change::bytes(
        "body_percent_decoded",
        "the first field of the form that the body is",
        "send the JSON as the body itself, with `Content-Type: application/json`",
        |source| {
            let at = source.bytes.iter().position(|b| *b == b'=')?;
            let rest = &source.bytes[at + 1..];
            let end = rest.iter().position(|b| *b == b'&').unwrap_or(rest.len());
            Some(percent_decoded(&rest[..end], true))
        },
    ),
    Change::bytes(
        "body_percent_encoded",
        "the body percent-encoded",
        ENCODING,
        |source| Some(form_encoded(source.bytes).replace('+', "%20").into()),
    ),
    Change::bytes(
        "body_percent_encoded",
        "the body encoded as a form is",
        ENCODING,
        |source| Some(form_encoded(source.bytes).into()),
    ),
    Change::bytes(
        "body_base64_encoded",
        "the body in base64",
        ENCODING,
        |source| Some(STANDARD.encode(source.bytes).into()),
    ),
    Change::bytes(
        "body_base64_decoded",
        "the body decoded from base64",
        "decode the body before it is checked: API gateways hand it over in base64, and say so in `isBase64Encoded`",
        |source| STANDARD.decode(source.bytes.trim_ascii()).ok(),
    ),
    Change::bytes(
        "body_stringified",
        "the body as JSON.stringify writes a text, in quotes",
        "hash the raw text itself: it is JSON already, and JSON.stringify makes a JSON text of it",
        |source| Some(Style::COMPACT.write(&Value::from(source.text()?))),
    ),
    Change::bytes(
        "body_stringified",
        "the body as JSON.stringify writes a Buffer",
        "give the Buffer itself to `update`, without JSON.stringify",
        |source| {
            let bytes: Vec<_> = source.bytes.iter().map(u8::to_string).collect();
            let bytes = bytes.join(",");
            Some(format!(r#"{{"type":"Buffer","data":[{bytes}]}}"#).into())
        },
    ),
    Change::bytes(
        "body_placeholder",
        "the text `[object Object]` for a body",
        "hash the raw body: that is what JavaScript makes of a parsed one where a text is wanted",
        |_| Some("[object Object]".into()),
    ),
    Change::bytes(
        "body_placeholder",
        "the text `{}` for a body",
        "hash the raw body: `{}` is what Express has for one that no parser has read",
        |_| Some("{}".into()),
    ),
    Change::bytes(
        "body_placeholder",
        "the text `undefined` for a body",
        "hash the raw body where it is there: no parser had read it",
        |_| Some("undefined".into()),
    ),
    Change::bytes(
        "body_empty",
        "an empty body",
        "hash the body before a parser has read it up: what is left of a stream after that is empty",
        |_| Some(Vec::new()),
    ),
];

fn form_encoded(bytes: &[u8]) -> String {
    form_urlencoded::byte_serialize(bytes).collect()
}

fn percent_decoded(bytes: &[u8], form: bool) -> Vec<u8> {
    let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let pair = digit(at + 1).zip(digit(at + 2));
        match (byte, pair) {
            (b'%', Some((high, low))) => {
                out.extend(u8::try_from(high * 16 + low));
                at += 3;
                continue;
            }
            (b'+', _) if form => out.push(b' '),
            _ => out.push(*byte),
        }
        at += 1;
    }
    out
}
