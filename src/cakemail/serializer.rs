//! How the usual languages write JSON, so that a digest over re-serialised JSON can be
//! told from a wrong one.

use std::io;

use serde_json::Value;
use serde_json::ser::{CompactFormatter, Formatter};

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
    /// All of them.
    pub const ALL: [Self; 4] = [Self::JavaScript, Self::Python, Self::Php, Self::Ruby];

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
            Self::Python => "hash the raw body: request.get_data()",
            Self::Php => {
                "hash the raw body: file_get_contents('php://input'), in Laravel $request->getContent()"
            }
            Self::Ruby => "hash the raw body: request.raw_post",
        }
    }

    /// The payload as this one writes it.
    pub fn write(self, value: &Value) -> Vec<u8> {
        let mut out = Vec::new();
        let (spaced, ascii, slashes) = match self {
            Self::JavaScript | Self::Ruby => (false, false, false),
            Self::Python => (true, true, false),
            Self::Php => (false, true, true),
        };
        let formatter = Dialect {
            spaced,
            ascii,
            slashes,
            whole_floats: matches!(self, Self::JavaScript | Self::Php),
        };
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        let written = serde::Serialize::serialize(value, &mut serializer);
        debug_assert!(written.is_ok(), "a Value always serialises into memory");
        out
    }
}

/// How a serializer departs from compact JSON.
#[derive(Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four independent habits")]
struct Dialect {
    // `, ` and `: ` in place of `,` and `:`.
    spaced: bool,
    // Non-ASCII characters as `\\uXXXX`.
    ascii: bool,
    // `/` as `\\/`.
    slashes: bool,
    // `1.0` as `1`.
    whole_floats: bool,
}

impl Formatter for Dialect {
    fn begin_array_value<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        match (first, self.spaced) {
            (true, _) => Ok(()),
            (false, true) => w.write_all(b", "),
            (false, false) => w.write_all(b","),
        }
    }

    fn begin_object_key<W: ?Sized + io::Write>(
        &mut self,
        w: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.begin_array_value(w, first)
    }

    fn begin_object_value<W: ?Sized + io::Write>(&mut self, w: &mut W) -> io::Result<()> {
        w.write_all(if self.spaced { b": " } else { b":" })
    }

    fn write_f64<W: ?Sized + io::Write>(&mut self, w: &mut W, value: f64) -> io::Result<()> {
        if self.whole_floats && value.fract() == 0.0 && value.abs() < 1e21 {
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
                '/' if self.slashes => w.write_all(b"\\/")?,
                c if self.ascii && !c.is_ascii() => {
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
