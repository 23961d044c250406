//! Putting lines of text into a frame's cells.

use std::borrow::Cow;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

use super::theme::Theme;
use crate::tui::content::glyphs::Glyphs;
use crate::tui::text::{Line, Piece, Role};

/// A frame's cells, and how text looks in them.
pub(super) struct Canvas<'a> {
    pub(super) cells: &'a mut Buffer,
    pub(super) theme: Theme,
    pub(super) glyphs: Glyphs,
    /// Whether the terminal shows more than ASCII.
    pub(super) unicode: bool,
}

impl Canvas<'_> {
    /// Writes a line at the start of a row of the area, cut at its end; returns the columns
    /// that it takes.
    pub(super) fn line(&mut self, area: Rect, row: u16, line: &Line) -> u16 {
        self.line_from(area, row, line, 0, Style::new())
    }

    /// The same without its first columns, and with something added to its style.
    pub(super) fn line_from(
        &mut self,
        area: Rect,
        row: u16,
        line: &Line,
        skip: usize,
        more: Style,
    ) -> u16 {
        if row >= area.height {
            return 0;
        }
        let (mut x, y) = (area.x, area.y + row);
        let mut left = skip;
        for piece in &line.pieces {
            let text = without_start(piece, &mut left);
            let text = if self.unicode {
                Cow::Borrowed(text)
            } else {
                ascii(text)
            };
            let room = usize::from(area.right().saturating_sub(x));
            if room == 0 {
                break;
            }
            let style = self.theme.style(piece.role).patch(more);
            (x, _) = self.cells.set_stringn(x, y, &text, room, style);
        }
        if line.width() > usize::from(area.width) + skip && area.width > 0 {
            self.mark_cut(area.right() - 1, y);
        }
        x - area.x
    }

    /// Writes a line so that it ends where the area does; returns the columns that it takes,
    /// 0 where it does not fit.
    pub(super) fn line_at_end(&mut self, area: Rect, row: u16, line: &Line) -> u16 {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        if width > area.width {
            return 0;
        }
        let area = Rect {
            x: area.right() - width,
            width,
            ..area
        };
        self.line(area, row, line)
    }

    /// Writes lines in the middle of an area.
    pub(super) fn in_the_middle(&mut self, area: Rect, lines: &[Line]) {
        let height = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        let above = area.height.saturating_sub(height) / 3;
        let wide = lines.iter().map(Line::width).max().unwrap_or(0);
        let before = area
            .width
            .saturating_sub(u16::try_from(wide).unwrap_or(u16::MAX))
            / 2;
        let area = Rect {
            x: area.x + before,
            y: area.y + above,
            width: area.width - before,
            height: area.height - above,
        };
        for (row, line) in (0..).zip(lines) {
            self.line(area, row, line);
        }
    }

    /// Draws a line across.
    pub(super) fn rule(&mut self, area: Rect) {
        let (dim, dash) = (
            self.theme.style(Role::Dim),
            if self.unicode { "─" } else { "-" },
        );
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.cells[(x, y)].set_symbol(dash).set_style(dim);
            }
        }
    }

    /// Draws a line down.
    pub(super) fn pillar(&mut self, area: Rect) {
        let dim = self.theme.style(Role::Dim);
        let bar = if self.unicode { "│" } else { "|" };
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.cells[(x, y)].set_symbol(bar).set_style(dim);
            }
        }
    }

    /// Puts a symbol into one cell, if the frame has it.
    pub(super) fn symbol(&mut self, x: u16, y: u16, symbol: &str, role: Role) {
        let style = self.theme.style(role);
        if let Some(cell) = self.cells.cell_mut((x, y)) {
            cell.set_symbol(symbol).set_style(style);
        }
    }

    /// Empties an area that something else may have written into.
    pub(super) fn clear(&mut self, area: Rect) {
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                self.cells[(x, y)].reset();
            }
        }
    }

    fn mark_cut(&mut self, x: u16, y: u16) {
        let mark = if self.unicode {
            self.glyphs.ellipsis
        } else {
            "~"
        };
        self.symbol(x, y, mark, Role::Dim);
    }
}

/// The text with a question mark for each column of what is no ASCII: the bytes of such a
/// character can be a command to a terminal that does not know UTF-8.
fn ascii(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
    let shown = |grapheme: &str| {
        if grapheme.is_ascii() {
            grapheme.to_owned()
        } else {
            "?".repeat(grapheme.width())
        }
    };
    Cow::Owned(text.graphemes(true).map(shown).collect())
}

/// The piece's text without the columns that are to be skipped, as far as it has them.
fn without_start<'p>(piece: &'p Piece, skip: &mut usize) -> &'p str {
    let text = piece.text();
    if *skip == 0 {
        return text;
    }
    for (at, grapheme) in text.grapheme_indices(true) {
        if *skip == 0 {
            return &text[at..];
        }
        *skip = skip.saturating_sub(grapheme.width());
    }
    ""
}
