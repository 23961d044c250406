//! A hex dump of the start of some bytes.

use super::remark;
use crate::delivery::words::size;
use crate::payload::hex::{ROW, rows};
use crate::tui::text::{Line, Role};

/// Bytes that are dumped; nobody scrolls through more.
pub(super) const MAX_DUMPED: usize = 64 << 10;

/// `00000000  7b 22 65 …  |{"e…|`, and how much there is beyond, of `length` bytes in all.
/// A row of 16 takes 78 columns; where there are fewer, rows of 8 are easier to read than
/// such that are wrapped.
pub(in crate::tui) fn lines(body: &[u8], length: usize, columns: usize) -> Vec<Line> {
    let full = if columns < 78 { ROW / 2 } else { ROW };
    let some = &body[..body.len().min(MAX_DUMPED)];
    let mut lines: Vec<Line> = rows(some, full)
        .map(|row| {
            Line::of(Role::Dim, row.place())
                .with(Role::Plain, format!("  {}  ", row.digits()))
                .with(Role::Dim, "|")
                .with(Role::Plain, row.letters())
                .with(Role::Dim, "|")
        })
        .collect();
    if some.len() < length {
        let more = size((length - some.len()) as u64);
        lines.push(remark(format!(
            "({more} more: copying and exporting take all of it)"
        )));
    }
    lines
}
