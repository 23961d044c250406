//! Breaking long lines to a width.

use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::text::{Line, Piece, Role};

/// How much further continuations are indented than their line.
const HANG: usize = 2;

/// The line in pieces of no more than so many columns, broken behind a space where there is
/// one near enough. Continuations hang below the line's own indentation and keep its tag. A
/// width of 0 breaks nothing.
pub(super) fn wrap(line: Line, width: usize) -> Vec<Line> {
    let hang = indentation(&line) + HANG;
    wrap_below(line, width, hang)
}

/// The same with continuations that stand so many columns further to the right than the
/// first line, as far as there is room for that.
pub(super) fn wrap_below(line: Line, width: usize, hang: usize) -> Vec<Line> {
    if width == 0 || line.width() <= width {
        return vec![line];
    }
    let hang = hang.min(width / 2);
    let cells: Vec<Cell<'_>> = cells(&line).collect();
    let mut lines = Vec::new();
    let mut start = 0;
    while start < cells.len() {
        let indent = if start == 0 { 0 } else { hang };
        let end = end_of(&cells, start, width - indent);
        let mut part = Line {
            pieces: Vec::new(),
            tag: line.tag,
        };
        if indent > 0 {
            part = part.with(Role::Plain, " ".repeat(indent));
        }
        lines.push(with_cells(part, &cells[start..end]));
        start = end;
    }
    lines
}

/// A grapheme, with the columns that it takes.
struct Cell<'l> {
    role: Role,
    text: &'l str,
    columns: usize,
}

fn cells(line: &Line) -> impl Iterator<Item = Cell<'_>> {
    line.pieces.iter().flat_map(|piece: &Piece| {
        piece.text().graphemes(true).map(|text| Cell {
            role: piece.role,
            text,
            columns: text.width(),
        })
    })
}

/// Where a line ends that begins at `start`. It has one grapheme at least, however wide.
fn end_of(cells: &[Cell<'_>], start: usize, width: usize) -> usize {
    let mut taken = 0;
    let fits = |cell: &&Cell<'_>| {
        taken += cell.columns;
        taken <= width
    };
    let count = cells[start..].iter().take_while(fits).count().max(1);
    let end = start + count;
    if end == cells.len() {
        return end;
    }
    // A word is not broken, unless that leaves half of the line empty.
    let least = start + count / 2;
    let space = (least..end).rev().find(|at| cells[*at].text == " ");
    space.map_or(end, |at| at + 1)
}

/// The line with these behind it, those of one role in one piece.
fn with_cells(mut line: Line, cells: &[Cell<'_>]) -> Line {
    for same in cells.chunk_by(|one, next| one.role == next.role) {
        let text: String = same.iter().map(|cell| cell.text).collect();
        line = line.with(same[0].role, text);
    }
    line
}

fn indentation(line: &Line) -> usize {
    let text = line.plain();
    text.len() - text.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::text::Tag;
    use proptest::prelude::*;

    fn wrapped(text: &str, width: usize) -> Vec<String> {
        let lines = wrap(Line::of(Role::Plain, text), width);
        lines.iter().map(Line::plain).collect()
    }

    #[test]
    fn continuations_hang() {
        assert_eq!(wrapped("abcdef", 6), ["abcdef"]);
        assert_eq!(wrapped("abcdefgh", 6), ["abcdef", "  gh"]);
        assert_eq!(wrapped("  abcdefghij", 8), ["  abcdef", "    ghij"]);
        assert_eq!(wrapped("日本日本", 5), ["日本", "  日", "  本"]);
        assert_eq!(
            wrapped("the app checks something else", 12),
            ["the app ", "  checks ", "  something ", "  else"]
        );
        let line = Line::of(Role::Name, "abc").with(Role::Text, "defgh");
        let lines = wrap(line.tagged(Tag::Node(7)), 4);
        assert!(lines.iter().all(|line| line.tag == Some(Tag::Node(7))));
        assert_eq!(lines[0].pieces.len(), 2);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_all_of_it_fits(text in "[a-z日é ]{0,60}", width in 4..30_usize) {
            let lines = wrapped(&text, width);
            for line in &lines {
                prop_assert!(line.width() <= width);
            }
            let together: String = lines.concat().replace(' ', "");
            prop_assert_eq!(together, text.replace(' ', ""));
        }
    }
}
