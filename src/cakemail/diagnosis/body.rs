//! Digests that are right for bytes that are nearly those that are here.

mod rare;

use std::cell::OnceCell;

use serde_json::Value;

pub(super) use rare::RARE;

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
