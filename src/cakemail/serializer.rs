//! How the usual languages write JSON, so that a digest over re-serialised JSON can be
//! told from a wrong one.

use std::io;

use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};

use crate::delivery::Headers;

/// The usual ways to turn a parsed payload back into text, none of which gives the
/// bytes that were signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serializer {
    /// `JSON.stringify`.
    JavaScript,
    /// `json.dumps`.
    Python,
    /// `json_encode`.
    Php,
    /// `to_json`.
    Ruby,
}

impl Serializer {
    /// The call that an app makes.
    pub const fn call(self) -> &'static str {
        match self {
            Self::JavaScript => "JSON.stringify",
            Self::Python => "json.dumps",
            Self::Php => "json_encode",
            Self::Ruby => "to_json",
        }
    }

    /// How to get at the raw bytes instead.
    pub const fn cure(self) -> &'static str {
        match self {
            Self::JavaScript => {
                "hash the raw body: express.json({ verify: (req, _res, buf) => { req.rawBody = buf } })"
            }
            Self::Python => {
                "hash the raw body: request.get_data() in Flask, request.body in Django, await request.body() in FastAPI"
            }
            Self::Php => {
                "hash the raw body: file_get_contents('php://input'), in Laravel $request->getContent()"
            }
            Self::Ruby => "hash the raw body: request.raw_post",
        }
    }

    /// How it writes, unless it is told otherwise.
    pub const fn style(self) -> Style {
        let compact = Style::COMPACT;
        match self {
            Self::JavaScript => compact.whole_floats(),
            Self::Python => compact.spaced().ascii(),
            Self::Php => compact.ascii().slashes().whole_floats(),
            Self::Ruby => compact,
        }
    }

    /// The one of the framework that made these headers, as far as they tell.
    pub fn of(headers: &Headers) -> Option<Self> {
        let has = |name: &str, parts: &[&str]| {
            headers.get(name).is_some_and(|value| {
                let value = String::from_utf8_lossy(value).to_ascii_lowercase();
                parts.iter().any(|part| value.contains(part))
            })
        };
        let agent = |parts: &[&str]| has("user-agent", parts);
        if has("x-powered-by", &["express", "next.js"]) {
            Some(Self::JavaScript)
        } else if has("x-powered-by", &["php"]) {
            Some(Self::Php)
        } else if has("server", &PYTHON_SERVERS) {
            Some(Self::Python)
        } else if headers.get("x-runtime").is_some() || has("server", &["puma"]) {
            Some(Self::Ruby)
        } else if agent(&["axios", "node", "undici", "got (", "bun/", "deno/"]) {
            Some(Self::JavaScript)
        } else if agent(&["python", "httpx", "aiohttp", "werkzeug"]) {
            Some(Self::Python)
        } else if agent(&["guzzle", "php", "laravel", "symfony"]) {
            Some(Self::Php)
        } else if agent(&["ruby", "faraday", "rails"]) {
            Some(Self::Ruby)
        } else {
            None
        }
    }

    /// The payload as this one writes it.
    pub fn write(self, value: &Value) -> Vec<u8> {
        self.style().write(value)
    }
}

const PYTHON_SERVERS: [&str; 6] = [
    "werkzeug", "gunicorn", "uvicorn", "daphne", "aiohttp", "python/",
];

/// How a serializer departs from compact JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent habits")]
pub struct Style {
    // `, ` and `: ` in place of `,` and `:`.
    spaced: bool,
    // Non-ASCII characters as `\\u` and four digits.
    ascii: bool,
    // `/` as `\\/`.
    slashes: bool,
    // `<`, `>` and `&` as `\\u003c`, `\\u003e` and `\\u0026`, for pages that hold the JSON.
    markup: bool,
    // `1.0` as `1`.
    whole_floats: bool,
    // Keys in the order of their bytes.
    sorted: bool,
    // A line for each value, with so many spaces a level; 0 for all on one line.
    indent: u8,
}

impl Style {
    /// Nothing that can be left out, everything as it is.
    pub const COMPACT: Self = Self {
        spaced: false,
        ascii: false,
        slashes: false,
        markup: false,
        whole_floats: false,
        sorted: false,
        indent: 0,
    };

    /// With spaces after commas and colons.
    #[must_use]
    pub const fn spaced(mut self) -> Self {
        self.spaced = true;
        self
    }

    /// With escapes for what is not ASCII.
    #[must_use]
    pub const fn ascii(mut self) -> Self {
        self.ascii = true;
        self
    }

    /// With escapes for slashes.
    #[must_use]
    pub const fn slashes(mut self) -> Self {
        self.slashes = true;
        self
    }

    /// With escapes for what means something in HTML.
    #[must_use]
    pub const fn markup(mut self) -> Self {
        self.markup = true;
        self
    }

    /// With whole numbers for floats that are.
    #[must_use]
    pub const fn whole_floats(mut self) -> Self {
        self.whole_floats = true;
        self
    }

    /// With sorted keys.
    #[must_use]
    pub const fn sorted(mut self) -> Self {
        self.sorted = true;
        self
    }

    /// Laid out with so many spaces a level.
    #[must_use]
    pub const fn indented(mut self, spaces: u8) -> Self {
        self.indent = spaces;
        self
    }

    /// The payload in this style.
    pub fn write(self, value: &Value) -> Vec<u8> {
        let sorted = self.sorted.then(|| {
            let mut value = value.clone();
            value.sort_all_objects();
            value
        });
        let mut out = Vec::new();
        let dialect = Dialect {
            style: self,
            depth: 0,
            empty: true,
        };
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, dialect);
        let value = sorted.as_ref().unwrap_or(value);
        let written = serde::Serialize::serialize(value, &mut serializer);
        debug_assert!(written.is_ok(), "a Value always serialises into memory");
        out
    }
}

/// A [`Style`] at work.
struct Dialect {
    style: Style,
    depth: usize,
    // Whether nothing is written yet of the innermost array or object.
    empty: bool,
}

impl Dialect {
    fn line<W: ?Sized + io::Write>(&self, w: &mut W) -> io::Result<()> {
        if self.style.indent == 0 {
            return Ok(());
        }
        let spaces = self.depth * usize::from(self.style.indent);
        write!(w, "\n{:spaces$}", "")
    }

    fn open<W: ?Sized + io::Write>(&mut self, w: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth += 1;
        self.empty = true;
        w.write_all(sign)
    }

    fn close<W: ?Sized + io::Write>(&mut self, w: &mut W, sign: &[u8]) -> io::Result<()> {
        self.depth -= 1;
        if !self.empty {
            self.line(w)?;
        }
        self.empty = false;
        w.write_all(sign)
    }
}

impl Formatter for Dialect {
    fn begin_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.open(w, b"[")
    }

    fn end_array<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.close(w, b"]")
    }

    fn begin_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.open(w, b"{")
    }

    fn end_object<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        self.close(w, b"}")
    }

    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.empty = false;
        if !first {
            let spaced = self.style.spaced && self.style.indent == 0;
            w.write_all(if spaced { b", " } else { b"," })?;
        }
        self.line(w)
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(w, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        let spaced = self.style.spaced || self.style.indent > 0;
        w.write_all(if spaced { b": " } else { b":" })
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, w: &mut W, value: f64) -> io::Result<()> {
        if self.style.whole_floats && value.fract() == 0.0 && value.abs() < 1e21 {
            return write!(w, "{value:.0}");
        }
        CompactFormatter.write_f64(w, value)
    }

    fn write_string_fragment<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        text: &str,
    ) -> io::Result<()> {
        for c in text.chars() {
            match c {
                '/' if self.style.slashes => w.write_all(b"\\/")?,
                '<' | '>' | '&' if self.style.markup => write!(w, "\\u{:04x}", u32::from(c))?,
                c if self.style.ascii && !c.is_ascii() => {
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        write!(w, "\\u{unit:04x}")?;
                    }
                }
                c => w.write_all(c.encode_utf8(&mut [0; 4]).as_bytes())?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_writes_as_its_language_does() {
        // What Node 20, Python 3.11, PHP 8.2 and Ruby 3.1 print for this payload.
        let value: Value =
            serde_json::from_str(r#"{"u":"a/b","n":1.0,"t":"\u00e9\ud83d\ude00","l":[1,2]}"#)
                .unwrap();
        for (serializer, text) in [
            (
                Serializer::JavaScript,
                r#"{"u":"a/b","n":1,"t":"é😀","l":[1,2]}"#,
            ),
            (
                Serializer::Python,
                r#"{"u": "a/b", "n": 1.0, "t": "\u00e9\ud83d\ude00", "l": [1, 2]}"#,
            ),
            (
                Serializer::Php,
                r#"{"u":"a\/b","n":1,"t":"\u00e9\ud83d\ude00","l":[1,2]}"#,
            ),
            (
                Serializer::Ruby,
                r#"{"u":"a/b","n":1.0,"t":"é😀","l":[1,2]}"#,
            ),
        ] {
            let written = String::from_utf8(serializer.write(&value)).unwrap();
            assert_eq!(written, text, "{serializer:?}");
        }
    }
}
