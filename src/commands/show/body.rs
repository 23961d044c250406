//! A body for people: JSON laid out, a form as a table, text as it is, and the rest as a
//! hex dump.

use std::io::{self, Write};

use crate::commands::ink::{CYAN, DIM, GREEN, Ink, MAGENTA, YELLOW, shown};
use crate::delivery::words::size;
use crate::delivery::{Headers, escape_json_for_terminal};
use crate::payload::body::{as_text, encodings, fields, is_form};
use crate::payload::decode::{Decoded, decoded};
use crate::payload::hex::{ROW, rows};
use crate::payload::pretty::{Token, pretty};

/// Bytes that are shown of a body which had an encoding. It may become a million times its
/// size, and is held in memory.
const MAX_DECODED: usize = 4 << 20;
/// Bytes of a hex dump.
const MAX_DUMPED: usize = 4 << 10;

/// Writes a body, each line behind `indent`, and what was done to it before.
///
/// # Errors
/// Those of `out`.
pub(in crate::commands) fn write(
    out: &mut impl Write,
    ink: &Ink,
    headers: &Headers,
    body: &[u8],
    indent: &str,
) -> io::Result<()> {
    if body.is_empty() {
        return remark(out, ink, indent, "(empty)");
    }
    let encodings = encodings(headers);
    match decoded(&encodings, body, MAX_DECODED) {
        Ok(None) => plain(out, ink, headers, body, indent),
        Ok(Some(Decoded { body, truncated })) => {
            remark(
                out,
                ink,
                indent,
                &format!("({}, decoded)", shown(&encodings)),
            )?;
            plain(out, ink, headers, &body, indent)?;
            if truncated {
                let shown = size(body.len() as u64);
                let why = format!("(only the first {shown} of it were decoded, or it breaks off)");
                remark(out, ink, indent, &why)?;
            }
            Ok(())
        }
        Err(problem) => {
            remark(out, ink, indent, &format!("(not decoded: {problem})"))?;
            plain(out, ink, headers, body, indent)
        }
    }
}

fn remark(out: &mut impl Write, ink: &Ink, indent: &str, text: &str) -> io::Result<()> {
    writeln!(out, "{indent}{}", ink.paint(DIM, text))
}

fn plain(
    out: &mut impl Write,
    ink: &Ink,
    headers: &Headers,
    body: &[u8],
    indent: &str,
) -> io::Result<()> {
    out.write_all(indent.as_bytes())?;
    let laid_out = pretty(body, |token| json(out, ink, indent, token));
    if let Ok(written) = laid_out {
        written?;
        return writeln!(out);
    }
    // The indentation of the first line is there already.
    match as_text(body) {
        Some(text) if is_form(headers) => form(out, ink, text, indent),
        Some(text) => lines(out, text, indent),
        None => dump(out, ink, body, indent),
    }
}

fn json(out: &mut impl Write, ink: &Ink, indent: &str, token: Token<'_>) -> io::Result<()> {
    let (style, text) = match token {
        Token::Line(depth) => {
            write!(out, "\n{indent}")?;
            return (0..depth).try_for_each(|_| out.write_all(b"  "));
        }
        Token::Mark(text) => (DIM, text),
        Token::Key(text) => (CYAN, text),
        Token::Text(text) => (GREEN, text),
        Token::Number(text) => (YELLOW, text),
        Token::Word(text) => (MAGENTA, text),
    };
    let text = escape_json_for_terminal(text);
    out.write_all(ink.paint(style, &text).as_bytes())
}

fn lines(out: &mut impl Write, text: &str, indent: &str) -> io::Result<()> {
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            out.write_all(indent.as_bytes())?;
        }
        for (at, part) in line.split('\t').enumerate() {
            if at > 0 {
                out.write_all(b"\t")?;
            }
            out.write_all(shown(part).as_bytes())?;
        }
        out.write_all(b"\n")?;
    }
    Ok(())
}

fn form(out: &mut impl Write, ink: &Ink, text: &str, indent: &str) -> io::Result<()> {
    const WIDEST: usize = 24;
    let fields: Vec<_> = fields(text).collect();
    let wide = |name: &str| shown(name).chars().count();
    let width = fields.iter().map(|(name, _)| wide(name)).max();
    let width = width.unwrap_or_default().min(WIDEST);
    for (at, (name, value)) in fields.iter().enumerate() {
        if at > 0 {
            out.write_all(indent.as_bytes())?;
        }
        let padding = " ".repeat(width.saturating_sub(wide(name)));
        let name = shown(name);
        writeln!(out, "{}{padding}  {}", ink.paint(CYAN, &name), shown(value))?;
    }
    Ok(())
}

fn dump(out: &mut impl Write, ink: &Ink, body: &[u8], indent: &str) -> io::Result<()> {
    let some = &body[..body.len().min(MAX_DUMPED)];
    for (at, row) in rows(some, ROW).enumerate() {
        if at > 0 {
            out.write_all(indent.as_bytes())?;
        }
        let place = row.place();
        let (digits, letters) = (row.digits(), row.letters());
        writeln!(out, "{}  {digits}  |{letters}|", ink.paint(DIM, &place))?;
    }
    match body.len() - some.len() {
        0 => Ok(()),
        more => remark(out, ink, indent, &format!("({more} more bytes)")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Color;
    use crate::delivery::is_unsafe_on_terminal;
    use proptest::prelude::*;

    fn written(kind: &str, body: &[u8]) -> String {
        let headers: Headers = [("content-type", kind)].into_iter().collect();
        let mut out = Vec::new();
        write(
            &mut out,
            &Ink::new(Color::Never, false),
            &headers,
            body,
            "  ",
        )
        .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_kind_has_its_form() {
        assert_eq!(written("", b""), "  (empty)\n");
        assert_eq!(
            written("text/plain", b"{\"a\":\"\x7f\xc2\x9b\",\"b\":[1.0]}"),
            "  {\n    \"a\": \"\\u007f\\u009b\",\n    \"b\": [\n      1.0\n    ]\n  }\n"
        );
        assert_eq!(
            written(
                "application/x-www-form-urlencoded",
                b"a=1+2&long%20name=%1b%5B2J&a="
            ),
            "  a          1 2\n  long name  \\x1b[2J\n  a          \n"
        );
        assert_eq!(
            written("", b"two\r\nlines\x1b[2J\ttab"),
            "  two\n  lines\\x1b[2J\ttab\n"
        );
        assert_eq!(
            written("", b"\x00\xffabcdefghijklmnop"),
            "  00000000  00 ff 61 62 63 64 65 66  67 68 69 6a 6b 6c 6d 6e  |..abcdefghijklmn|\n  00000010  6f 70                                             |op|\n"
        );
        assert!(written("", &[0; 5000]).ends_with("  (904 more bytes)\n"));
    }

    proptest! {
        #[test]
        fn no_byte_acts_on_a_terminal(
            kind in prop::sample::select(vec!["", "application/x-www-form-urlencoded"]),
            body in proptest::collection::vec(any::<u8>(), 0..100),
            text in "\\PC{0,9}[\u{1b}\u{9b}\u{202e}\"{}a=&%0-9]{0,20}",
        ) {
            for body in [&body, text.as_bytes()] {
                let written = written(kind, body);
                let acts = |c: char| is_unsafe_on_terminal(c) && c != '\n' && c != '\t';
                prop_assert!(!written.contains(acts), "{:?}", written);
            }
        }
    }
}
