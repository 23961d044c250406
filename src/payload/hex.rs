//! Bytes as a hex dump, row by row: `00000000  7b 22 65 …  |{"e…|`, as hexdump writes it.

/// Bytes in a row, as hexdump has them.
pub const ROW: usize = 16;

/// One row of a dump.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row<'b> {
    at: usize,
    bytes: &'b [u8],
    full: usize,
}

/// The rows of a dump of so many bytes each, which are written when they are asked for.
pub fn rows(body: &[u8], full: usize) -> impl Iterator<Item = Row<'_>> {
    let full = full.max(1);
    body.chunks(full).enumerate().map(move |(row, bytes)| Row {
        at: row * full,
        bytes,
        full,
    })
}

impl Row<'_> {
    /// The place of its first byte, in eight or more hex digits.
    pub fn place(&self) -> String {
        format!("{:08x}", self.at)
    }

    /// Its bytes in groups of eight, as wide in a row that is not full.
    pub fn digits(&self) -> String {
        let mut out = String::with_capacity(3 * self.full);
        for column in 0..self.full {
            match column {
                0 => {}
                8 => out.push_str("  "),
                _ => out.push(' '),
            }
            match self.bytes.get(column) {
                Some(byte) => out.push_str(&hex::encode([*byte])),
                None => out.push_str("  "),
            }
        }
        out
    }

    /// Its bytes as ASCII, a point for what is none.
    pub fn letters(&self) -> String {
        let letter = |byte: &u8| match byte {
            b' '..=b'~' => char::from(*byte),
            _ => '.',
        };
        self.bytes.iter().map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_as_wide_when_they_are_not_full() {
        let body: Vec<u8> = (b'a'..=b'r').collect();
        let rows: Vec<_> = rows(&body, ROW).collect();
        assert_eq!(rows[1].place(), "00000010");
        assert_eq!(rows[1].digits().trim_end(), "71 72");
        assert_eq!(rows[1].digits().len(), rows[0].digits().len());
        assert_eq!(rows[1].letters(), "qr");
        assert_eq!(
            Row {
                at: 0,
                bytes: b"\0\xff",
                full: ROW,
            }
            .letters(),
            ".."
        );
    }
}
