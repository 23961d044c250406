//! Taking `Content-Encoding` off a body, to show it. What is kept and sent stays as it came.

use std::io::Read;

use brotli_decompressor::Decompressor;
use flate2::read::{DeflateDecoder, MultiGzDecoder, ZlibDecoder};

/// Encodings on top of each other; more than these are no honest body's.
const MAX_LAYERS: usize = 3;

/// A body without its encodings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The start of it, as much as was asked for.
    pub body: Vec<u8>,
    /// Whether there is more.
    pub truncated: bool,
}

/// Why a body cannot be decoded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// An encoding that is not known here.
    #[error("the encoding `{}` is not known here", .0.escape_debug())]
    Unknown(String),
    /// It is not what its header says.
    #[error("it is not {0}, though its header says so")]
    Broken(&'static str),
    /// Too many encodings.
    #[error("it has more than {MAX_LAYERS} encodings")]
    TooMany,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Gzip,
    Deflate,
    Brotli,
}

/// The body without the encodings that the header's value lists, and no more than `limit`
/// bytes of it, whatever it would become. `None` where there are none.
///
/// # Errors
/// For an encoding that is unknown here or was not applied. What decodes before the
/// mistake is given if there is any.
pub fn decoded(header: &str, body: &[u8], limit: usize) -> Result<Option<Decoded>, DecodeError> {
    let mut encodings = Vec::new();
    for name in header.split(',').map(str::trim) {
        encodings.push(match name.to_ascii_lowercase().as_str() {
            "" | "identity" => continue,
            "gzip" | "x-gzip" => Encoding::Gzip,
            "deflate" => Encoding::Deflate,
            "br" => Encoding::Brotli,
            _ => return Err(DecodeError::Unknown(name.to_owned())),
        });
    }
    if encodings.len() > MAX_LAYERS {
        return Err(DecodeError::TooMany);
    }
    // The last that was applied comes off first.
    let mut layers = encodings.into_iter().rev();
    let Some(first) = layers.next() else {
        return Ok(None);
    };
    let mut made = layer(first, body, limit)?;
    for encoding in layers {
        let next = layer(encoding, &made.body, limit)?;
        made = Decoded {
            truncated: next.truncated || made.truncated,
            ..next
        };
    }
    Ok(Some(made))
}

fn layer(encoding: Encoding, body: &[u8], limit: usize) -> Result<Decoded, DecodeError> {
    match encoding {
        Encoding::Gzip => {
            start(MultiGzDecoder::new(body), limit).ok_or(DecodeError::Broken("gzip"))
        }
        // Half the world's deflate lacks the wrapper that the standard asks for.
        Encoding::Deflate => start(ZlibDecoder::new(body), limit)
            .or_else(|| start(DeflateDecoder::new(body), limit))
            .ok_or(DecodeError::Broken("deflate")),
        // `br` has windows of up to 16 MiB (RFC 7932 section 9.1). The mark of what goes beyond
        // that would have a gigabyte taken for it.
        Encoding::Brotli if body.first().is_some_and(|byte| byte & 0x7f == 0x11) => {
            Err(DecodeError::Broken("brotli"))
        }
        Encoding::Brotli => {
            start(Decompressor::new(body, 4 << 10), limit).ok_or(DecodeError::Broken("brotli"))
        }
    }
}

/// Reads up to the limit. A stream that breaks off gives what came before, if anything did.
fn start(mut stream: impl Read, limit: usize) -> Option<Decoded> {
    let mut body = Vec::new();
    let mut piece = [0; 8 << 10];
    loop {
        let room = limit - body.len();
        match stream.read(&mut piece) {
            Ok(0) => {
                return Some(Decoded {
                    body,
                    truncated: false,
                });
            }
            Ok(length) if length > room => {
                body.extend_from_slice(&piece[..room]);
                return Some(Decoded {
                    body,
                    truncated: true,
                });
            }
            Ok(length) => body.extend_from_slice(&piece[..length]),
            Err(_) if body.is_empty() => return None,
            Err(_) => {
                return Some(Decoded {
                    body,
                    truncated: true,
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    use proptest::prelude::*;
    use std::io::Write as _;

    const TEXT: &[u8] = b"{\"event\":\"email.opened\"}";

    fn gzip(body: &[u8]) -> Vec<u8> {
        let mut out = GzEncoder::new(Vec::new(), Compression::best());
        out.write_all(body).unwrap();
        out.finish().unwrap()
    }

    fn body(header: &str, body: &[u8]) -> Vec<u8> {
        let made = decoded(header, body, 1 << 20).unwrap().unwrap();
        assert!(!made.truncated);
        made.body
    }

    #[test]
    fn every_encoding_comes_off() {
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
        zlib.write_all(TEXT).unwrap();
        let mut raw = DeflateEncoder::new(Vec::new(), Compression::best());
        raw.write_all(TEXT).unwrap();
        // What Node's zlib.brotliCompressSync makes of it.
        let brotli = hex::decode(BROTLI).unwrap();
        assert_eq!(body("gzip", &gzip(TEXT)), TEXT);
        assert_eq!(body("X-GZIP, identity", &gzip(TEXT)), TEXT);
        assert_eq!(body("deflate", &zlib.finish().unwrap()), TEXT);
        assert_eq!(body("deflate", &raw.finish().unwrap()), TEXT);
        assert_eq!(body("br", &brotli), TEXT);
        assert_eq!(body("br, gzip", &gzip(&brotli)), TEXT);
        assert_eq!(decoded("identity", TEXT, 9).unwrap(), None);
        assert_eq!(decoded("", TEXT, 9).unwrap(), None);
    }

    #[test]
    fn what_cannot_be_decoded_is_said() {
        for (header, body, problem) in [
            ("zstd", TEXT, "the encoding `zstd` is not known here"),
            ("gzip", TEXT, "it is not gzip, though its header says so"),
            (
                "br",
                b"\xff\xff\xff".as_slice(),
                "it is not brotli, though its header says so",
            ),
            // One with a window of 1 GiB.
            (
                "br",
                b"\x11\x1e\x08\x00\x02\x68\x65\x6c\x6c\x6f\x03",
                "it is not brotli, though its header says so",
            ),
            ("gzip,gzip,gzip,gzip", TEXT, "it has more than 3 encodings"),
        ] {
            assert_eq!(decoded(header, body, 99).unwrap_err().to_string(), problem);
        }
        let whole = gzip(TEXT);
        let cut = decoded("gzip", &whole[..whole.len() - 10], 99)
            .unwrap()
            .unwrap();
        assert!(cut.truncated && TEXT.starts_with(&cut.body));
    }

    #[test]
    fn a_bomb_gives_what_was_asked_for() {
        let zeros = vec![0; 64 << 20];
        let bomb = gzip(&zeros);
        let made = decoded("gzip", &bomb, 1000).unwrap().unwrap();
        assert_eq!((made.body.len(), made.truncated), (1000, true));
        let twice = gzip(&bomb);
        let made = decoded("gzip, gzip", &twice, 1000).unwrap().unwrap();
        assert!(made.body.len() <= 1000 && made.truncated);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(
            header in prop::sample::select(vec!["gzip", "deflate", "br", "br,gzip"]),
            body in proptest::collection::vec(any::<u8>(), 0..200),
        ) {
            if let Ok(Some(made)) = decoded(header, &body, 100) {
                prop_assert!(made.body.len() <= 100);
            }
        }
    }

    const BROTLI: &str = "8b0b807b226576656e74223a22656d61696c2e6f70656e6564227d03";
}
