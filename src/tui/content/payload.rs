//! A body as what it is: JSON as a tree, a form as a table, text, or bytes.
//!
//! ```text
//! (gzip, 431 B on the wire)
//!   event  "email.opened"
//! ▾ data
//!     email  "user@example.com"
//! ```

use super::folds::Folds;
use super::glyphs::Glyphs;
use super::hex::MAX_DUMPED;
use super::{MAX_LINES, column, counted, flow, gap, hex, remark, start_of, tree, width};
use crate::delivery::Headers;
use crate::delivery::words::size;
use crate::payload::body::{as_text, encodings, fields, is_form, is_json};
use crate::payload::decode::decoded;
use crate::payload::tree::Tree;
use crate::tui::text::{Line, Role};

/// Larger bodies are not read as JSON, and only their start is shown.
const MAX_WHOLE: usize = 1 << 20;
/// Bytes of larger text that are shown.
const MAX_START: usize = 64 << 10;

/// A body that is to be shown. What is shown of it is held apart from it.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Payload {
    /// What is said before it.
    remarks: Vec<Line>,
    shape: Shape,
}

#[derive(Debug, Clone)]
enum Shape {
    Empty,
    Json(Tree),
    /// The form as it came.
    Form(Box<str>),
    Text(Box<str>),
    /// The start of so many bytes.
    Bytes(Box<[u8]>, usize),
}

impl Payload {
    /// Reads a body with the headers that say what it is.
    pub(in crate::tui) fn of(headers: &Headers, body: &[u8]) -> Self {
        let encodings = encodings(headers);
        let mut remarks = Vec::new();
        let shape = match decoded(&encodings, body, MAX_WHOLE) {
            _ if body.is_empty() => Shape::Empty,
            Ok(None) => shape(headers, body, &mut remarks),
            Ok(Some(made)) => {
                let wire = size(body.len() as u64);
                remarks.push(remark(format!("({encodings}, {wire} on the wire)")));
                if made.truncated {
                    let start = size(made.body.len() as u64);
                    let why =
                        format!("(only the first {start} of it were decoded, or it breaks off)");
                    remarks.push(remark(why));
                }
                shape(headers, &made.body, &mut remarks)
            }
            Err(problem) => {
                remarks.push(Line::of(Role::Warn, format!("not decoded: {problem}")));
                shape(headers, body, &mut remarks)
            }
        };
        Self { remarks, shape }
    }

    /// The tree, where it is JSON that is not too large for one.
    pub(in crate::tui) const fn tree(&self) -> Option<&Tree> {
        match &self.shape {
            Shape::Json(tree) => Some(tree),
            _ => None,
        }
    }

    /// What is folded at first.
    pub(in crate::tui) fn folds(&self) -> Folds {
        self.tree().map(Folds::first).unwrap_or_default()
    }

    /// Its lines, where there are so many columns; `as_text` has JSON laid out and a form as it
    /// came.
    pub(in crate::tui) fn lines(
        &self,
        folds: &Folds,
        as_text: bool,
        columns: usize,
        glyphs: &Glyphs,
    ) -> Vec<Line> {
        let mut lines = self.remarks.clone();
        lines.extend(match &self.shape {
            Shape::Empty => vec![remark("(empty)")],
            Shape::Json(tree) if as_text => flow::json(tree.value(0)),
            Shape::Json(tree) => tree::lines(tree, folds, glyphs),
            Shape::Form(text) if !as_text => form(text, glyphs),
            Shape::Form(text) | Shape::Text(text) => flow::text(text),
            Shape::Bytes(start, length) => hex::lines(start, *length, columns),
        });
        lines
    }
}

/// A body with how it is looked at.
#[derive(Debug, Clone, Copy)]
pub(in crate::tui) struct Shown<'a> {
    /// The body.
    pub(in crate::tui) payload: &'a Payload,
    /// What of its tree is folded.
    pub(in crate::tui) folds: &'a Folds,
    /// See [`Payload::lines`].
    pub(in crate::tui) as_text: bool,
    /// See [`Payload::lines`].
    pub(in crate::tui) columns: usize,
}

impl Shown<'_> {
    /// See [`Payload::lines`].
    pub(in crate::tui) fn lines(&self, glyphs: &Glyphs) -> Vec<Line> {
        self.payload
            .lines(self.folds, self.as_text, self.columns, glyphs)
    }
}

/// A body as it came: text, or a dump of what is none.
pub(super) fn plain(body: &[u8], columns: usize) -> Vec<Line> {
    let mut lines = Vec::new();
    let shape = if body.len() > MAX_WHOLE {
        start(body, &mut lines)
    } else {
        text_or_bytes(body)
    };
    lines.extend(match shape {
        Shape::Text(text) => flow::text(&text),
        Shape::Bytes(start, length) => hex::lines(&start, length, columns),
        Shape::Empty | Shape::Json(_) | Shape::Form(_) => Vec::new(),
    });
    lines
}

/// What a body without encodings is, and what is to be said of it.
fn shape(headers: &Headers, body: &[u8], remarks: &mut Vec<Line>) -> Shape {
    if body.len() > MAX_WHOLE {
        return start(body, remarks);
    }
    match Tree::of(body) {
        Ok(tree) => return Shape::Json(tree),
        Err(problem) if is_json(headers) && !body.is_empty() => {
            let why = format!("no JSON, though its header says so: {problem}");
            remarks.push(Line::of(Role::Warn, why));
        }
        Err(_) => {}
    }
    match text_or_bytes(body) {
        Shape::Text(text) if is_form(headers) => Shape::Form(text),
        other => other,
    }
}

fn text_or_bytes(body: &[u8]) -> Shape {
    match as_text(body) {
        Some("") => Shape::Empty,
        Some(text) => Shape::Text(text.into()),
        None => bytes(body),
    }
}

/// The start of what is large.
fn start(body: &[u8], remarks: &mut Vec<Line>) -> Shape {
    let start = &body[..MAX_START];
    let whole = match std::str::from_utf8(start) {
        // A letter that is cut in two.
        Err(problem) if problem.error_len().is_none() => &start[..problem.valid_up_to()],
        _ => start,
    };
    let Some(text) = as_text(whole) else {
        return bytes(body);
    };
    let (some, all) = (size(text.len() as u64), size(body.len() as u64));
    remarks.push(remark(format!(
        "(the first {some} of {all} as text: copying and exporting take all of it)"
    )));
    Shape::Text(text.into())
}

fn bytes(body: &[u8]) -> Shape {
    Shape::Bytes(body[..body.len().min(MAX_DUMPED)].into(), body.len())
}

/// A form as a table of names and values.
fn form(text: &str, glyphs: &Glyphs) -> Vec<Line> {
    let all: Vec<_> = fields(text).collect();
    let shown = &all[..all.len().min(MAX_LINES)];
    let column = column(shown.iter().map(|(name, _)| width(name)));
    let mut lines: Vec<Line> = shown
        .iter()
        .map(|(name, value)| {
            let ((name, _), (value, is_cut)) = (start_of(name), start_of(value));
            let line = Line::of(Role::Name, name)
                .with(Role::Plain, gap(column, width(name)))
                .with(Role::Text, value);
            if is_cut {
                line.with(Role::Dim, glyphs.ellipsis)
            } else {
                line
            }
        })
        .collect();
    if shown.len() < all.len() {
        let more = counted(all.len() - shown.len(), "field more", "fields more");
        lines.push(remark(format!(
            "({more}: copying and exporting take all of it)"
        )));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::is_unsafe_on_terminal;
    use crate::payload::find;
    use crate::tui::content::samples::{gzip, plain, sample};
    use crate::tui::text::Tag;
    use proptest::prelude::*;

    fn of(kind: &str, body: &[u8]) -> Payload {
        let headers: Headers = [("content-type", kind)].into_iter().collect();
        Payload::of(&headers, body)
    }

    fn shown(payload: &Payload) -> String {
        plain(&payload.lines(&payload.folds(), false, 80, &Glyphs::UNICODE))
    }

    #[test]
    fn json_is_a_tree() {
        let payload = of("application/json", &sample("email.opened"));
        insta::assert_snapshot!("tree", shown(&payload));
        let text = plain(&payload.lines(&Folds::default(), true, 80, &Glyphs::UNICODE));
        insta::assert_snapshot!("tree_as_text", text);
    }

    const NESTED: &str = r#"{"a":{"b":{"c":{"d":{"e":{"f":1}}}}},"empty":{},"none":[],
        "two words":true,"caf\u00e9":-1.50e+2,"list":[{"id":12345678901234567890,"id":"\u001b"},[null,[]]],
        "long":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],
        "a name that is longer than most":"x"}"#;

    #[test]
    fn what_is_deep_or_long_is_folded_at_first() {
        let payload = of("", NESTED.as_bytes());
        insta::assert_snapshot!("nested", shown(&payload));
        let tree = payload.tree().unwrap();
        let mut folds = Folds::default();
        folds.fold_all(tree);
        let ascii = plain(&payload.lines(&folds, false, 80, &Glyphs::ASCII));
        insta::assert_snapshot!("nested_folded", ascii);
        folds.unfold_all();
        let open = payload.lines(&folds, false, 80, &Glyphs::UNICODE);
        assert_eq!(open.len(), tree.nodes().len() - 1);
    }

    #[test]
    fn every_kind_has_its_form() {
        let all = [
            ("", b"".as_slice()),
            ("application/json", b"7"),
            ("application/json", b"[]"),
            ("application/json", b"{\"a\":1,}"),
            ("application/json", b" \n"),
            (
                "application/x-www-form-urlencoded",
                b"event=email.opened&long%20name=%1b%5B2J+x&none=",
            ),
            ("text/plain", b"two\nlines\twith\x1b[2J"),
            ("image/png", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x01"),
            // UTF-16.
            ("text/plain", b"\xff\xfeh\x00i\x00"),
        ];
        let all = all.map(|(kind, body)| format!("{kind}\n{}\n", shown(&of(kind, body))));
        insta::assert_snapshot!("kinds", all.concat());
    }

    #[test]
    fn encodings_come_off_to_be_shown() {
        let encoded = |name: &str, body: &[u8]| {
            let headers: Headers = [("content-encoding", name)].into_iter().collect();
            shown(&Payload::of(&headers, body))
        };
        let body = gzip(b"{\"a\":1}");
        assert_eq!(encoded("gzip", &body), "(gzip, 27 B on the wire)\n  a  1");
        let broken = encoded("br", b"plain");
        assert_eq!(
            broken,
            "not decoded: it is not brotli, though its header says so\nplain"
        );
        let bomb = encoded("gzip", &gzip(&vec![b'a'; 4 << 20]));
        assert!(
            bomb.contains("only the first 1.0 MB of it were decoded"),
            "{}",
            &bomb[..300]
        );
    }

    #[test]
    fn large_bodies_are_shown_by_their_start() {
        let text = "é".repeat(MAX_WHOLE);
        let lines = shown(&of("", text.as_bytes()));
        let first = lines.lines().next().unwrap();
        assert_eq!(
            first,
            "(the first 65.5 kB of 2.1 MB as text: copying and exporting take all of it)"
        );
        let dump = shown(&of("", &vec![0; 3 << 20]));
        assert_eq!(dump.lines().count(), MAX_DUMPED / 16 + 1);
        assert!(dump.ends_with("(3.1 MB more: copying and exporting take all of it)"));
    }

    #[test]
    fn hostile_json_costs_little() {
        let half = MAX_WHOLE / 2;
        for body in [
            format!("{}{}", "[".repeat(half), "]".repeat(half)),
            format!("[{}1]", "1,".repeat(half - 1)),
            format!("{{{}\"\":0}}", "\"\":0,".repeat(200_000)),
            format!("\"{}\"", "x".repeat(MAX_WHOLE - 2)),
        ] {
            let payload = of("", body.as_bytes());
            for as_text in [false, true] {
                let lines = payload.lines(&Folds::default(), as_text, 80, &Glyphs::UNICODE);
                assert!(lines.len() <= MAX_LINES + 1);
                let bytes: usize = lines.iter().map(|line| line.plain().len()).sum();
                assert!(bytes < 4 << 20, "{bytes}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(
            kind in prop::sample::select(vec!["", "application/json", "application/x-www-form-urlencoded"]),
            body in proptest::collection::vec(any::<u8>(), 0..100),
            text in "\\PC{0,9}[\u{1b}\u{9b}\u{202e}\"{}\\[\\],:a=&%0-9\t\n]{0,20}",
        ) {
            for body in [&body, text.as_bytes(), format!("{{{text:?}:{text:?}}}").as_bytes()] {
                let payload = of(kind, body);
                for as_text in [false, true] {
                    for line in payload.lines(&Folds::default(), as_text, 80, &Glyphs::ASCII) {
                        prop_assert!(!line.plain().contains(is_unsafe_on_terminal));
                    }
                }
            }
        }

        #[test]
        fn folding_one_leaves_the_numbers_of_the_others(at in any::<prop::sample::Index>()) {
            let payload = of("", NESTED.as_bytes());
            let tree = payload.tree().unwrap();
            let tags = |folds: &Folds| -> Vec<_> {
                let lines = payload.lines(folds, false, 80, &Glyphs::UNICODE);
                lines.iter().map(|line| line.tag).collect()
            };
            let mut folds = Folds::default();
            let before = tags(&folds);
            let node = at.index(tree.nodes().len());
            folds.toggle(tree, node);
            let inside = node + 1..tree.nodes()[node].next;
            let hidden = |tag: &Option<Tag>| {
                node > 0 && matches!(tag, Some(Tag::Node(n)) if inside.contains(n))
            };
            let left: Vec<_> = before.iter().copied().filter(|tag| !hidden(tag)).collect();
            prop_assert_eq!(tags(&folds), left);
            if let Ok(path) = tree.path(node).parse() {
                let found = find(NESTED.as_bytes(), &path).unwrap();
                // Of two members of one name the last counts.
                prop_assert!(found == tree.value(node) || tree.key(node) == "\"id\"");
            }
            folds.toggle(tree, node);
            prop_assert_eq!(tags(&folds), before);
        }
    }
}
