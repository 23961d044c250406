//! Tables: columns that fit a terminal, or values between tabs for a pipe.

use std::io::{self, IsTerminal as _, Write};

use anstyle::Style;
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::delivery::escape_for_terminal;

/// Between two columns.
const GAP: usize = 2;
/// Where no column is left to be dropped, one that gives way keeps so much.
const LEAST: usize = 3;
/// More of one value is not shown on a terminal.
const MOST: usize = 80;

/// What a column is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    /// Its heading.
    pub(super) name: &'static str,
    /// Numbers stand at its right edge.
    pub(super) right: bool,
    /// Where the terminal is too narrow it gives way down to this width.
    pub(super) gives: Option<usize>,
    /// Where that is not enough, the column with the highest of these is dropped, and so
    /// on; one with 0 stays.
    pub(super) drops: u8,
}

/// A value, neutralised.
#[derive(Debug, Clone)]
pub(super) struct Cell {
    text: String,
    style: Style,
}

impl Cell {
    /// Of any text; a stranger's is made harmless.
    pub(super) fn new(text: impl AsRef<str>) -> Self {
        Self::styled(text, Style::new())
    }

    /// The same in a style.
    pub(super) fn styled(text: impl AsRef<str>, style: Style) -> Self {
        Self {
            text: escape_for_terminal(text.as_ref()).into_owned(),
            style,
        }
    }
}

/// Columns and how wide they are.
#[derive(Debug)]
pub(super) struct Table {
    columns: Vec<Column>,
    /// What the values need.
    wanted: Vec<usize>,
    /// What they get; nothing where the column is dropped.
    widths: Vec<Option<usize>>,
    /// Columns of the terminal.
    limit: usize,
    colour: bool,
}

impl Table {
    /// For a terminal of that width.
    pub(super) fn new(columns: Vec<Column>, limit: usize, colour: bool) -> Self {
        let wanted: Vec<_> = columns.iter().map(|column| column.name.width()).collect();
        Self {
            widths: wanted.iter().copied().map(Some).collect(),
            wanted,
            columns,
            limit,
            colour,
        }
    }

    /// Widens the columns to what these rows need, as far as the terminal is wide.
    pub(super) fn fit(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            for (width, cell) in self.wanted.iter_mut().zip(row) {
                *width = (*width).max(cell.text.width().min(MOST));
            }
        }
        // What is dropped is so for what stands in front of it, which then gets its room.
        let mut dropped = u8::MAX;
        loop {
            let columns = self.columns.iter().zip(&self.wanted);
            let widths = columns.map(|(column, width)| (column.drops < dropped).then_some(*width));
            self.widths = widths.collect();
            self.squeeze(|least| least);
            if self.width() <= self.limit {
                return;
            }
            let columns = self.columns.iter().map(|column| column.drops);
            dropped = columns.filter(|drops| *drops < dropped).max().unwrap_or(0);
            if dropped == 0 {
                break;
            }
        }
        self.squeeze(|_| LEAST);
    }

    /// Narrows the widest of the columns that give way, until the table fits or none has
    /// anything left to give.
    fn squeeze(&mut self, least: impl Fn(usize) -> usize) {
        while self.width() > self.limit {
            let columns = self.columns.iter().zip(&mut self.widths);
            let widest = columns
                .filter_map(|(column, width)| Some((column.gives?, width.as_mut()?)))
                .filter(|(gives, width)| **width > least(*gives))
                .map(|(_, width)| width)
                .max();
            match widest {
                Some(width) => *width -= 1,
                None => break,
            }
        }
    }

    fn width(&self) -> usize {
        let widths = self.widths.iter().flatten();
        let gaps = widths.clone().count().saturating_sub(1);
        widths.sum::<usize>() + GAP * gaps
    }

    /// Writes the headings.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn head(&self, out: &mut impl Write) -> io::Result<()> {
        let style = Style::new().dimmed();
        let names = self
            .columns
            .iter()
            .map(|column| Cell::styled(column.name, style));
        self.row(out, &names.collect::<Vec<_>>())
    }

    /// Writes a row, cut where the terminal ends.
    ///
    /// # Errors
    /// Those of `out`.
    pub(super) fn row(&self, out: &mut impl Write, row: &[Cell]) -> io::Result<()> {
        let cells = row.iter().zip(&self.columns).zip(&self.widths);
        let cells = cells.filter_map(|(cell, width)| Some((cell, (*width)?)));
        let mut left = self.limit;
        // Spaces are written once something stands behind them.
        let mut spaces = 0;
        for (at, ((cell, column), width)) in cells.enumerate() {
            let gap = if at == 0 { 0 } else { GAP.min(left) };
            left -= gap;
            let width = left.min(width);
            left -= width;
            let text = cut(&cell.text, width);
            let room = width.saturating_sub(text.width());
            let (before, after) = if column.right { (room, 0) } else { (0, room) };
            spaces += gap + before;
            if !text.is_empty() {
                write!(out, "{:spaces$}", "")?;
                spaces = 0;
                if self.colour && cell.style != Style::new() {
                    write!(out, "{}{text}{:#}", cell.style, cell.style)?;
                } else {
                    out.write_all(text.as_bytes())?;
                }
            }
            spaces += after;
        }
        out.write_all(b"\n")
    }
}

/// Writes whole values between tabs, of which no value has any.
///
/// # Errors
/// Those of `out`.
pub(super) fn write_tabbed(out: &mut impl Write, row: &[Cell], colour: bool) -> io::Result<()> {
    for (at, cell) in row.iter().enumerate() {
        if at > 0 {
            out.write_all(b"\t")?;
        }
        if colour && cell.style != Style::new() && !cell.text.is_empty() {
            write!(out, "{}{}{:#}", cell.style, cell.text, cell.style)?;
        } else {
            out.write_all(cell.text.as_bytes())?;
        }
    }
    out.write_all(b"\n")
}

/// Writes a whole table to standard output: with headings and fitted on a terminal, tabbed
/// elsewhere.
///
/// # Errors
/// Those of standard output.
pub(super) fn write_all(columns: Vec<Column>, rows: &[Vec<Cell>], colour: bool) -> io::Result<()> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    if terminal {
        let mut table = Table::new(columns, terminal_width(), colour);
        table.fit(rows);
        table.head(&mut out)?;
        for row in rows {
            table.row(&mut out, row)?;
        }
    } else {
        for row in rows {
            write_tabbed(&mut out, row, colour)?;
        }
    }
    out.flush()
}

/// The text, or as much of its start as fits with an ellipsis.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut left = width.saturating_sub(1);
    let start = text.chars().take_while(|c| {
        let wide = c.width().unwrap_or(0);
        let fits = wide <= left;
        left -= wide.min(left);
        fits
    });
    let mut start: String = start.collect();
    if width > 0 {
        start.push('…');
    }
    start
}

/// How wide the terminal is that standard output goes to.
pub(super) fn terminal_width() -> usize {
    let told = || std::env::var("COLUMNS").ok()?.parse().ok();
    let width = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    width.filter(|width| *width > 0).or_else(told).unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anstyle::AnsiColor;
    use proptest::prelude::*;

    const COLUMNS: [Column; 3] = [
        Column {
            name: "ID",
            right: true,
            gives: None,
            drops: 0,
        },
        Column {
            name: "EVENT",
            right: false,
            gives: Some(8),
            drops: 0,
        },
        Column {
            name: "STATUS",
            right: false,
            gives: None,
            drops: 0,
        },
    ];

    fn written(limit: usize, colour: bool, rows: &[[&str; 3]]) -> String {
        let cells = |row: &[&str; 3]| {
            let red = AnsiColor::Red.on_default();
            vec![
                Cell::new(row[0]),
                Cell::new(row[1]),
                Cell::styled(row[2], red),
            ]
        };
        let rows: Vec<_> = rows.iter().map(cells).collect();
        let mut table = Table::new(COLUMNS.to_vec(), limit, colour);
        table.fit(&rows);
        let mut out = Vec::new();
        table.head(&mut out).unwrap();
        for row in &rows {
            table.row(&mut out, row).unwrap();
        }
        String::from_utf8(out).unwrap().replace('\x1b', "^")
    }

    #[test]
    fn columns_fit_their_values() {
        let rows = [
            ["9", "日本", "200"],
            ["10", "email.opened", ""],
            ["11", "", "401"],
        ];
        assert_eq!(
            written(80, false, &rows),
            "ID  EVENT         STATUS\n 9  日本          200\n10  email.opened\n11                401\n"
        );
        assert_eq!(
            written(22, false, &rows),
            "ID  EVENT       STATUS\n 9  日本        200\n10  email.ope…\n11              401\n"
        );
        // Nothing more can give way, so lines are cut.
        assert_eq!(
            written(10, false, &rows),
            "ID  EV…  …\n 9  日…  …\n10  em…\n11       …\n"
        );
        assert_eq!(
            written(80, true, &rows[2..]),
            "^[2mID^[0m  ^[2mEVENT^[0m  ^[2mSTATUS^[0m\n11         ^[31m401^[0m\n"
        );
    }

    #[test]
    fn a_pipe_gets_whole_values() {
        let mut out = Vec::new();
        let red = AnsiColor::Red.on_default();
        let row = [
            Cell::new("a\tb\n"),
            Cell::new(""),
            Cell::styled("x".repeat(99), red),
        ];
        write_tabbed(&mut out, &row, false).unwrap();
        assert_eq!(
            out,
            format!("a\\tb\\n\t\t{}\n", "x".repeat(99)).into_bytes()
        );
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_the_terminal(
            limit in 1usize..60,
            rows in proptest::collection::vec(["\\PC{0,30}", "\\PC{0,90}", "\\PC{0,30}"], 0..4),
        ) {
            let rows: Vec<_> = rows.iter().map(|r| [r[0].as_str(), r[1].as_str(), r[2].as_str()]).collect();
            for line in written(limit, false, &rows).lines() {
                prop_assert!(line.width() <= limit, "{} {line:?}", line.width());
            }
        }
    }
}
