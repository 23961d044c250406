//! Where a body in chunks ends.

/// Follows a body in chunks (RFC 9112 section 7.1), strictly: every line ends with CR LF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chunks {
    at: At,
    // Of the current line, without its end.
    line: usize,
    size: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    Extension,
    SizeEnd,
    Data,
    DataCr,
    DataEnd,
    Trailer,
    TrailerEnd,
    Done,
}

/// Of a line with a chunk's size.
const LINE: usize = 256;
/// Of all fields behind the last chunk.
const TRAILERS: usize = 8 << 10;

/// It is not framed as it has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misframed;

impl Chunks {
    pub(super) const fn new() -> Self {
        Self {
            at: At::Size,
            line: 0,
            size: 0,
        }
    }

    /// Whether the body has ended.
    pub(super) fn is_done(&self) -> bool {
        self.at == At::Done
    }

    /// Goes on through `bytes`, and says how many of them are the body's.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<usize, Misframed> {
        let mut index = 0;
        while index < bytes.len() && self.at != At::Done {
            if self.at == At::Data {
                let rest = bytes.len() - index;
                let count = usize::try_from(self.size).unwrap_or(usize::MAX).min(rest);
                self.size -= count as u64;
                index += count;
                if self.size == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            self.at = self.step(bytes[index])?;
            index += 1;
        }
        Ok(index)
    }

    fn step(&mut self, byte: u8) -> Result<At, Misframed> {
        self.line += 1;
        Ok(match (self.at, byte) {
            (At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') if self.line <= 16 => {
                let digit = char::from(byte).to_digit(16).ok_or(Misframed)?;
                let size = self.size.checked_mul(16).ok_or(Misframed)?;
                self.size = size + u64::from(digit);
                At::Size
            }
            (At::Size, b'\r') if self.line > 1 => At::SizeEnd,
            (At::Size, b';') if self.line > 1 => At::Extension,
            (At::Extension, b'\r') => At::SizeEnd,
            (At::Extension, b'\t' | b' '..=b'~') if self.line <= LINE => At::Extension,
            (At::SizeEnd, b'\n') => self.begin(if self.size == 0 {
                At::Trailer
            } else {
                At::Data
            }),
            (At::DataCr, b'\r') => At::DataEnd,
            (At::DataEnd, b'\n') => self.begin(At::Size),
            // `size` counts the trailers here, and the line's first byte may end them.
            (At::Trailer, b'\r') => At::TrailerEnd,
            (At::Trailer, byte) if byte != b'\n' && byte != 0 => {
                self.size += 1;
                if self.size > TRAILERS as u64 {
                    return Err(Misframed);
                }
                At::Trailer
            }
            (At::TrailerEnd, b'\n') if self.line == 2 => At::Done,
            (At::TrailerEnd, b'\n') => self.begin(At::Trailer),
            _ => return Err(Misframed),
        })
    }

    const fn begin(&mut self, at: At) -> At {
        self.line = 0;
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn whole(body: &[u8]) -> Result<usize, Misframed> {
        let mut chunks = Chunks::new();
        let count = chunks.follow(body)?;
        if chunks.is_done() {
            Ok(count)
        } else {
            Err(Misframed)
        }
    }

    #[test]
    fn the_end_is_where_it_is() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "05;name=\"v\"\r\nhello\r\n000\r\n\r\n",
            "1\r\n\r\r\n1\r\n\n\r\n0\r\nA: b\r\nC: d\r\n\r\n",
            "A\r\n0123456789\r\n0\r\n\r\n",
        ] {
            let with_next = format!("{body}GET / HTTP/1.1\r\n");
            assert_eq!(whole(with_next.as_bytes()), Ok(body.len()), "{body:?}");
        }
    }

    #[test]
    fn what_could_end_elsewhere_is_refused() {
        for body in [
            "5\nhello\r\n0\r\n\r\n",
            "5\r\nhello\n0\r\n\r\n",
            "5\r\nhello0\r\n\r\n",
            "5 \r\nhello\r\n0\r\n\r\n",
            "\r\n5\r\nhello\r\n0\r\n\r\n",
            "0x5\r\nhello\r\n0\r\n\r\n",
            "-5\r\nhello\r\n0\r\n\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            ";x\r\n0\r\n\r\n",
            "5;a\nb\r\nhello\r\n0\r\n\r\n",
            "10000000000000005\r\nhello\r\n0\r\n\r\n",
            "0\r\n\n",
            "0\n\r\n",
            "0\r\nA: b\n\r\n",
            "0\r\r\n\r\n",
        ] {
            assert_eq!(whole(body.as_bytes()), Err(Misframed), "{body:?}");
        }
        let long = format!("5;{}\r\nhello\r\n0\r\n\r\n", "x".repeat(LINE));
        assert_eq!(whole(long.as_bytes()), Err(Misframed));
        let trailers = format!("0\r\n{}\r\n", "A: b\r\n".repeat(TRAILERS));
        assert_eq!(whole(trailers.as_bytes()), Err(Misframed));
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in proptest::collection::vec(1_usize..9, 1..50),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                body.extend_from_slice(chunk);
                body.extend_from_slice(b"\r\n");
            }
            body.extend_from_slice(b"0\r\n\r\n");
            let mut follower = Chunks::new();
            let (mut seen, mut cut) = (0, cuts.iter().cycle());
            while seen < body.len() {
                prop_assert!(!follower.is_done());
                let end = (seen + cut.next().unwrap()).min(body.len());
                prop_assert_eq!(follower.follow(&body[seen..end]), Ok(end - seen));
                seen = end;
            }
            prop_assert!(follower.is_done());
        }

        #[test]
        fn rubbish_does_not_break_it(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Chunks::new().follow(&body);
        }
    }
}
