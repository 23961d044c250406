//! A header block in one allocation.
//!
//! Ten thousand deliveries are kept in memory; a map with an allocation for every
//! value would cost more than the bodies. The block is stored as it stands on the
//! wire (`name: value` lines ending in CR LF), which is also what the journal keeps.

use std::borrow::Cow;
use std::fmt;

/// Header fields in order, duplicates included. Names are lower-case, as hyper reads
/// them; values are bytes, since HTTP allows more than UTF-8.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Box<[u8]>);

impl Headers {
    /// Takes a block that [`Headers::as_bytes`] gave.
    pub fn from_block(block: &[u8]) -> Self {
        Self(block.into())
    }

    /// The fields as `name: value` lines, each ending in CR LF.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut rest = &self.0[..];
        std::iter::from_fn(move || {
            while !rest.is_empty() {
                let end = rest.windows(2).position(|w| w == b"\r\n");
                let line = &rest[..end.unwrap_or(rest.len())];
                rest = end.map_or(&[][..], |at| &rest[at + 2..]);
                let Some(colon) = line.iter().position(|b| *b == b':') else {
                    continue;
                };
                let (name, value) = (&line[..colon], &line[colon + 1..]);
                if let Ok(name) = std::str::from_utf8(name) {
                    return Some((name, value.strip_prefix(b" ").unwrap_or(value)));
                }
            }
            None
        })
    }

    /// The first value under `name`, which is lower-case.
    pub fn get<'a>(&'a self, name: &str) -> Option<&'a [u8]> {
        self.iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// Every value under `name`, which is lower-case.
    pub fn get_all<'a, 'n: 'a>(&'a self, name: &'n str) -> impl Iterator<Item = &'a [u8]> {
        self.iter()
            .filter_map(move |(n, value)| n.eq_ignore_ascii_case(name).then_some(value))
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A value as text; what is not UTF-8 is read as Latin-1, which HTTP once said it is.
pub fn value_text(value: &[u8]) -> Cow<'_, str> {
    std::str::from_utf8(value).map_or_else(
        |_| value.iter().map(|b| char::from(*b)).collect(),
        Cow::Borrowed,
    )
}

impl<N: AsRef<str>, V: AsRef<[u8]>> FromIterator<(N, V)> for Headers {
    /// Values must hold no CR or LF; those that do are left out, since they would
    /// read back as other fields.
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut block = Vec::with_capacity(512);
        for (name, value) in fields {
            let (name, value) = (name.as_ref(), value.as_ref());
            if value.iter().any(|b| matches!(b, b'\r' | b'\n')) {
                continue;
            }
            block.extend_from_slice(name.as_bytes());
            block.extend_from_slice(b": ");
            block.extend_from_slice(value);
            block.extend_from_slice(b"\r\n");
        }
        Self(block.into_boxed_slice())
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(
                self.iter()
                    .map(|(n, v)| (n, String::from_utf8_lossy(v).into_owned())),
            )
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keeps_order_duplicates_and_latin_1() {
        let headers: Headers = [
            ("x-a", b"1".as_slice()),
            ("x-b", b"caf\xe9"),
            ("x-a", b": 2"),
            ("x-empty", b""),
        ]
        .into_iter()
        .collect();
        let back: Vec<_> = headers.iter().collect();
        assert_eq!(
            back,
            [
                ("x-a", b"1".as_slice()),
                ("x-b", b"caf\xe9"),
                ("x-a", b": 2"),
                ("x-empty", b""),
            ]
        );
        assert_eq!(headers.get_all("x-a").count(), 2);
        assert_eq!(headers.get("x-b"), Some(b"caf\xe9".as_slice()));
    }

    #[test]
    fn a_value_with_a_line_end_cannot_make_a_field() {
        let headers: Headers = [("x-a", "1\r\nx-evil: 2"), ("x-b", "3")]
            .into_iter()
            .collect();
        assert_eq!(headers.get("x-evil"), None);
        assert_eq!(headers.get("x-b"), Some(b"3".as_slice()));
    }

    proptest! {
        #[test]
        fn any_block_is_read_without_panic(block in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Headers::from_block(&block).iter().count();
        }
    }
}
