//! JSON: a line a delivery, as `docs/json.md` has it, and the pretty form that files have.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::delivery::{Kept, escape_json_for_terminal};
use crate::wire::Object;

/// Writes a delivery as one line, with all that came of it. `throw_away_secret` is noted
/// where it was signed anew with one.
///
/// # Errors
/// Those of `out`.
pub fn write_line(
    kept: &Kept,
    throw_away_secret: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let object = Object::from(kept);
    let Some(secret) = throw_away_secret else {
        return object.write_line(out);
    };
    let mut line = Vec::new();
    object.write_line(&mut line)?;
    // `}` and the line's end make room for one more field.
    line.truncate(line.len().saturating_sub(2));
    out.write_all(&line)?;
    let secret = serde_json::to_string(secret)?;
    writeln!(out, ",\"throw_away_secret\":{secret}}}")
}

/// Writes a value indented, and ends the line. What a terminal would act on, or an editor
/// would hide, is escaped: such files are read before they are committed.
///
/// # Errors
/// Those of `out`.
pub fn write_pretty(value: &impl Serialize, out: &mut impl Write) -> io::Result<()> {
    let pretty = Pretty(PrettyFormatter::new());
    let mut serializer = Serializer::with_formatter(&mut *out, pretty);
    value.serialize(&mut serializer)?;
    out.write_all(b"\n")
}

struct Pretty(PrettyFormatter<'static>);

impl Formatter for Pretty {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        out.write_all(escape_json_for_terminal(fragment).as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> io::Result<()> {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> io::Result<()> {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pretty_json_is_safe_to_look_at_and_means_the_same() {
        let value = serde_json::json!({"a": "x\u{202e}y\u{1b}[31m", "b": [1, {}], "\u{9b}": null});
        let mut out = Vec::new();
        write_pretty(&value, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&text).unwrap(),
            value
        );
        assert!(
            text.lines()
                .all(|line| !line.contains(crate::delivery::is_unsafe_on_terminal))
        );
        assert!(text.starts_with("{\n  \"a\": \"x\\u202ey"), "{text}");
    }
}
