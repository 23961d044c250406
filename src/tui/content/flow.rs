//! Text of any length as lines of a bearable one.

use super::{MAX_LINE, MAX_LINES, counted, remark, width};
use crate::delivery::escape_json_for_terminal;
use crate::payload::pretty::{Token, pretty};
use crate::tui::text::{Line, Role};

/// Columns from one tab stop to the next.
const TAB: usize = 8;
/// Columns of a level of indentation.
const LEVEL: usize = 2;

/// Lines in the making. Pieces of the same role that follow each other become one.
#[derive(Debug, Default)]
struct Flow {
    lines: Vec<Line>,
    line: Line,
    /// Bytes in `line` and `text`.
    length: usize,
    role: Role,
    text: String,
    /// Lines that are no longer kept.
    more: usize,
}

impl Flow {
    fn push(&mut self, role: Role, mut text: &str) {
        loop {
            let room = MAX_LINE - self.length;
            let part = &text[..text.floor_char_boundary(room)];
            self.append(role, part);
            text = &text[part.len()..];
            if text.is_empty() {
                return;
            }
            self.end_line();
        }
    }

    fn append(&mut self, role: Role, text: &str) {
        if role != self.role {
            self.end_piece();
            self.role = role;
        }
        self.text.push_str(text);
        self.length += text.len();
    }

    fn end_piece(&mut self) {
        if !self.text.is_empty() {
            let line = std::mem::take(&mut self.line);
            self.line = line.with(self.role, &self.text);
            self.text.clear();
        }
    }

    fn end_line(&mut self) {
        self.length = 0;
        if self.lines.len() < MAX_LINES {
            self.end_piece();
            self.lines.push(std::mem::take(&mut self.line));
        } else {
            self.text.clear();
            self.more += 1;
        }
    }

    fn finish(mut self) -> Vec<Line> {
        self.end_line();
        if self.more > 0 {
            let more = counted(self.more, "line more", "lines more");
            self.lines.push(remark(format!(
                "({more}: copying and exporting take all of it)"
            )));
        }
        self.lines
    }
}

/// Text as it is, but for tabs, which become spaces.
pub(super) fn text(text: &str) -> Vec<Line> {
    let mut flow = Flow::default();
    for (at, line) in text.lines().enumerate() {
        if at > 0 {
            flow.end_line();
        }
        let mut columns = 0;
        for (at, part) in line.split('\t').enumerate() {
            if at > 0 {
                let spaces = TAB - columns % TAB;
                flow.push(Role::Plain, &" ".repeat(spaces));
                columns += spaces;
            }
            flow.push(Role::Plain, part);
            columns += width(part);
        }
    }
    flow.finish()
}

/// JSON laid out. Text that is none is given as it is.
pub(super) fn json(json: &str) -> Vec<Line> {
    let mut flow = Flow::default();
    let laid_out = pretty(json.as_bytes(), |token| {
        let (role, part) = match token {
            Token::Line(depth) => {
                flow.end_line();
                flow.push(Role::Plain, &" ".repeat(LEVEL * depth));
                return Ok(());
            }
            Token::Key(part) => (Role::Name, part),
            Token::Text(part) => (Role::Text, part),
            Token::Number(part) => (Role::Number, part),
            Token::Word(part) => (Role::Word, part),
            Token::Mark(part) => (Role::Dim, part),
        };
        flow.push(role, &escape_json_for_terminal(part));
        Ok(())
    });
    match laid_out {
        Ok(_) => flow.finish(),
        Err(_) => text(json),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn plain(lines: &[Line]) -> Vec<String> {
        lines.iter().map(Line::plain).collect()
    }

    #[test]
    fn text_stays_as_it_is_but_for_tabs_and_what_terminals_act_on() {
        assert_eq!(
            plain(&text("a\tb\r\nlonger\x1b[2J\t\tc\n\n日本\tx")),
            ["a       b", "longer\\x1b[2J           c", "", "日本    x"]
        );
        assert_eq!(plain(&text("")), [""]);
    }

    #[test]
    fn long_lines_are_broken_and_many_are_counted() {
        let lines = text(&"é".repeat(MAX_LINE));
        assert_eq!(lines.len(), 2);
        assert!(lines.iter().all(|line| line.plain().len() <= MAX_LINE));
        let lines = text(&"a\n".repeat(MAX_LINES + 1234));
        assert_eq!(lines.len(), MAX_LINES + 1);
        assert_eq!(
            lines.last().unwrap().plain(),
            "(1,234 lines more: copying and exporting take all of it)"
        );
    }

    #[test]
    fn json_is_laid_out_with_its_spellings() {
        assert_eq!(
            plain(&json("{\"a\":[1.50,\"\\u00e9\u{9b}\"],\"b\":{}}")),
            [
                "{",
                "  \"a\": [",
                "    1.50,",
                "    \"\\u00e9\\u009b\"",
                "  ],",
                "  \"b\": {}",
                "}"
            ]
        );
        let deep = format!("{}{}", "[".repeat(500_000), "]".repeat(500_000));
        assert!(json(&deep).len() < 400);
    }

    proptest! {
        #[test]
        fn nothing_is_lost(body in "[a\u{e9} \n]{0,40}") {
            let lines = plain(&text(&body));
            prop_assert_eq!(lines.join("\n"), body.strip_suffix('\n').unwrap_or(&body));
        }
    }
}
