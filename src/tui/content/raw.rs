//! The request as it stood on the wire, or all of it as a hex dump.
//!
//! ```text
//! POST /webhooks/cakemail HTTP/1.1
//! host: hooks.example.com
//! content-length: 26
//!
//! {"event":"email.opened"}
//! ```

use super::hex;
use super::payload::plain;
use crate::delivery::{Kept, value_text};
use crate::export::http::request;
use crate::tui::text::{Line, Role};

/// The request; a body that is no text is dumped below its head.
pub(in crate::tui) fn lines(kept: &Kept, as_hex: bool, columns: usize) -> Vec<Line> {
    let bytes = request(&kept.delivery.request);
    if as_hex {
        return hex::lines(&bytes, bytes.len(), columns);
    }
    let head = &bytes[..bytes.len() - kept.delivery.request.body.len()];
    let mut lines = Vec::new();
    for (at, line) in head.split(|byte| *byte == b'\n').enumerate() {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let text = value_text(line);
        lines.push(match text.split_once(':') {
            _ if at == 0 => Line::of(Role::Strong, text),
            Some((name, value)) => Line::of(Role::Name, name)
                .with(Role::Dim, ":")
                .with(Role::Plain, value),
            None => Line::of(Role::Plain, text),
        });
    }
    // Behind the last line end of the head there is nothing.
    lines.pop();
    lines.extend(plain(&kept.delivery.request.body, columns));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::is_unsafe_on_terminal;
    use crate::tui::content::samples::{kept, plain, unsigned};
    use proptest::prelude::*;

    #[test]
    fn it_is_the_request_as_on_the_wire() {
        let all = [
            plain(&lines(&kept("email.opened", &[]), false, 80)),
            plain(&lines(&unsigned(b"\x89PNG\r\n\x1a\n\0"), false, 80)),
            plain(&lines(&unsigned(b""), false, 80)),
            plain(&lines(&unsigned(b"a=1"), true, 80)),
        ];
        insta::assert_snapshot!("raw", all.join("\n----\n"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(body in proptest::collection::vec(any::<u8>(), 0..100)) {
            for as_hex in [false, true] {
                for line in lines(&unsigned(&body), as_hex, 80) {
                    prop_assert!(!line.plain().contains(is_unsafe_on_terminal));
                }
            }
        }
    }
}
