//! Digests that are right for bytes that are nearly those that are here.

use std::cell::OnceCell;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Finding;
use crate::cakemail::serializer::{Serializer, Style};
use crate::cakemail::signature::Secret;
use crate::delivery::Headers;

const BOM: &[u8] = b"\xef\xbb\xbf";

/// Where the raw body is, for whoever uses whatever.
pub(super) const RAW_BODY: &str = "hash the raw body, before anything parses it: in Express `express.json({ verify: (req, _res, buf) => { req.rawBody = buf } })`, in Flask `request.get_data()`, in PHP `file_get_contents('php://input')`, in Laravel `$request->getContent()`, in Rails `request.raw_post`";

/// A body, and what it says where it is JSON; that is read once.
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    value: OnceCell<Option<Value>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            value: OnceCell::new(),
        }
    }

    fn value(&self) -> Option<&Value> {
        let bytes = self.bytes.strip_prefix(BOM).unwrap_or(self.bytes);
        let read = || serde_json::from_slice(bytes).ok();
        self.value.get_or_init(read).as_ref()
    }

    fn text(&self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes).ok()
    }
}

/// One way to change a body.
#[derive(Clone, Copy)]
pub(super) struct Change {
    code: &'static str,
    /// What follows "the digest is right for ".
    what: &'static str,
    fix: Fix,
    how: How,
}

#[derive(Clone, Copy)]
enum Fix {
    Text(&'static str),
    /// That of the framework that is seen or that writes like this.
    Raw,
}

#[derive(Clone, Copy)]
enum How {
    Bytes(fn(&Source<'_>) -> Option<Vec<u8>>),
    Json(Style),
}

impl Change {
    const fn bytes(
        code: &'static str,
        what: &'static str,
        fix: &'static str,
        how: fn(&Source<'_>) -> Option<Vec<u8>>,
    ) -> Self {
        Self {
            code,
            what,
            fix: Fix::Text(fix),
            how: How::Bytes(how),
        }
    }

    const fn json(code: &'static str, what: &'static str, style: Style) -> Self {
        Self {
            code,
            what,
            fix: Fix::Raw,
            how: How::Json(style),
        }
    }

    /// The bytes that it makes; `None` where it changes nothing or is no such body.
    pub(super) fn apply(&self, source: &Source<'_>) -> Option<Vec<u8>> {
        let changed = match self.how {
            How::Bytes(how) => how(source)?,
            How::Json(style) => style.write(source.value()?),
        };
        (changed != source.bytes).then_some(changed)
    }

    /// Says so.
    pub(super) fn finding(&self, secret: &Secret, headers: &Headers) -> Finding {
        let message = format!(
            "the digest is right for {} (secret `{}`)",
            self.what,
            secret.label()
        );
        let fix = match (&self.fix, Serializer::of(headers)) {
            (Fix::Text(text), _) => (*text).to_owned(),
            (Fix::Raw, Some(framework)) => framework.cure().to_owned(),
            (Fix::Raw, None) => RAW_BODY.to_owned(),
        };
        Finding::new(self.code, message, fix)
    }
}

/// White space around it, which editors and shells add and take off.
const AROUND: &[Change] = &[
    Change::bytes(
        "body_newline_added",
        "the body without the line end after it",
        "find what adds a line end on the way; to save a body, use `curl --output` or `printf %s`, not an editor or `echo`",
        |source| {
            let rest = source.bytes.strip_suffix(b"\n")?;
            Some(rest.strip_suffix(b"\r").unwrap_or(rest).into())
        },
    ),
    Change::bytes(
        "body_newline_trimmed",
        "the body with a line end after it",
        "find what trims the body on the way: something took its last line end off",
        |source| Some([source.bytes, b"\n"].concat()),
    ),
    Change::bytes(
        "body_newline_trimmed",
        "the body with a line end (CR LF) after it",
        "find what trims the body on the way: something took its last line end off",
        |source| Some([source.bytes, b"\r\n"].concat()),
    ),
    Change::bytes(
        "body_white_space_added",
        "the body without the white space around it",
        "find what adds white space on the way",
        |source| Some(source.bytes.trim_ascii().into()),
    ),
];

/// What happens most: a newline too many or too few, and JSON that was parsed and written
/// again. First as the framework writes it that the headers tell of.
pub(super) fn likely(headers: &Headers) -> Vec<Change> {
    let mut written = json();
    if let Some(framework) = Serializer::of(headers) {
        let own = |style: Style| style == framework.style();
        // A stable sort: what it writes comes first.
        written.sort_by_key(|change| !matches!(change.how, How::Json(style) if own(style)));
    }
    AROUND.iter().copied().chain(written).collect()
}

const STRINGIFY: Style = Serializer::JavaScript.style();
const TO_JSON: Style = Serializer::Ruby.style();
const DUMPS: Style = Serializer::Python.style();
const ENCODE: Style = Serializer::Php.style();

/// On one line, by how often they are met.
const ON_ONE_LINE: &[Change] = &[
    Change::json(
        "json_compact",
        "the payload as JSON.stringify writes it, not for these bytes",
        STRINGIFY,
    ),
    Change::json(
        "json_compact",
        "the payload as Ruby's to_json writes it, not for these bytes",
        TO_JSON,
    ),
    Change::json(
        "json_python",
        "the payload as Python's json.dumps writes it, not for these bytes",
        DUMPS,
    ),
    Change::json(
        "json_php",
        "the payload as PHP's json_encode writes it, not for these bytes",
        ENCODE,
    ),
    Change::json(
        "json_python",
        "the payload as json.dumps with ensure_ascii=False writes it, not for these bytes",
        Style::COMPACT.spaced(),
    ),
    Change::json(
        "json_python",
        "the payload as json.dumps with separators=(',', ':') writes it, not for these bytes",
        Style::COMPACT.ascii(),
    ),
    Change::json(
        "json_php",
        "the payload as json_encode with JSON_UNESCAPED_UNICODE writes it, not for these bytes",
        STRINGIFY.slashes(),
    ),
    Change::json(
        "json_php",
        "the payload as json_encode with JSON_UNESCAPED_SLASHES writes it, not for these bytes",
        STRINGIFY.ascii(),
    ),
    Change::json(
        "json_rails",
        "the payload as to_json in Rails writes it, not for these bytes",
        TO_JSON.markup(),
    ),
];

/// The ways in which JSON is written.
fn json() -> Vec<Change> {
    let mut changes = ON_ONE_LINE.to_vec();
    for (indent, code, what) in [
        (
            2,
            "json_pretty",
            "the payload laid out with 2 spaces, not for these bytes",
        ),
        (
            4,
            "json_pretty_4",
            "the payload laid out with 4 spaces, not for these bytes",
        ),
    ] {
        let styles = [
            STRINGIFY,
            TO_JSON,
            TO_JSON.ascii(),
            ENCODE,
            STRINGIFY.slashes(),
        ];
        changes.extend(styles.map(|style| Change::json(code, what, style.indented(indent))));
    }
    let what = "the payload with its keys sorted, not for these bytes";
    let styles = [
        STRINGIFY,
        TO_JSON,
        DUMPS,
        TO_JSON.ascii(),
        TO_JSON.spaced(),
        ENCODE,
        STRINGIFY.indented(2),
        TO_JSON.ascii().indented(4),
    ];
    changes.extend(styles.map(|style| Change::json("json_sorted_keys", what, style.sorted())));
    changes
}

const ENCODING: &str = "pass the body on as bytes: something decodes and encodes it on the way";

/// What happens to bytes on odd ways.
pub(super) const RARE: &[Change] = &[
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
