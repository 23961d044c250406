//! Header fields as a table; what carries a signature stands out.
//!
//! ```text
//! content-type          application/json
//! x-cakemail-signature  9f2c…e1
//! ```

use unicode_width::UnicodeWidthStr as _;

use super::{column, gap, remark};
use crate::cakemail::verify::likely_claims;
use crate::delivery::{Headers, value_text};
use crate::tui::text::{Line, Role};

/// The fields in their order, of a request or an answer.
pub(in crate::tui) fn lines(headers: &Headers) -> Vec<Line> {
    if headers.is_empty() {
        return vec![remark("(none)")];
    }
    let column = column(headers.iter().map(|(name, _)| name.width()));
    // They are parts of these headers, so their values stand at the same place in memory.
    let claims = likely_claims(headers);
    let fields = headers.iter().map(|(name, value)| {
        let signs = claims.iter().any(|claim| std::ptr::eq(claim.value, value));
        let roles = if signs {
            (Role::Accent, Role::Strong)
        } else {
            (Role::Name, Role::Plain)
        };
        let line = Line::of(roles.0, name)
            .with(Role::Plain, gap(column, name.width()))
            .with(roles.1, value_text(value));
        if std::str::from_utf8(value).is_err() {
            line.with(Role::Dim, "  (not UTF-8, read as Latin-1)")
        } else {
            line
        }
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::is_unsafe_on_terminal;
    use crate::tui::content::samples::plain;
    use proptest::prelude::*;

    #[test]
    fn names_are_aligned_and_signatures_stand_out() {
        let headers: Headers = [
            ("host", b"hooks.example.com".as_slice()),
            ("x-cakemail-signature", b"9f2c"),
            ("x-a-name-that-is-longer-than-all", b"1\x1b[2J"),
            ("x-name", b"caf\xe9"),
            ("x-empty", b""),
        ]
        .into_iter()
        .collect();
        let lines = lines(&headers);
        insta::assert_snapshot!("headers", plain(&lines));
        let accents = lines
            .iter()
            .filter(|line| line.pieces[0].role == Role::Accent);
        assert_eq!(accents.count(), 1);
        assert_eq!(plain(&super::lines(&Headers::default())), "(none)");
    }

    proptest! {
        #[test]
        fn any_block_is_harmless(block in proptest::collection::vec(any::<u8>(), 0..200)) {
            for line in lines(&Headers::from_block(&block)) {
                prop_assert!(!line.plain().contains(is_unsafe_on_terminal));
            }
        }
    }
}
