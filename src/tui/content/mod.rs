//! What the panels show, as lines of text: pure functions from what was kept to [`Line`]s.
//!
//! How wide the panel is, which line is at its top and what a role looks like is the view's.
//! So lines are as long as what they say, within [`MAX_LINES`] and [`MAX_LINE`].

pub(super) mod attempts;
mod changes;
pub(super) mod compare;
mod flow;
pub(super) mod folds;
pub(super) mod glyphs;
pub(super) mod head;
pub(super) mod headers;
pub(super) mod hex;
pub(super) mod payload;
pub(super) mod raw;
pub(super) mod response;
#[cfg(test)]
mod samples;
pub(super) mod signature;
mod tree;

use unicode_width::UnicodeWidthStr as _;

use crate::cakemail::diagnosis::Finding;
use crate::delivery::escape_for_terminal;
use crate::tui::text::{Line, Role};

/// A panel has about so many lines at most; what is left out is said in the last one.
const MAX_LINES: usize = 20_000;
/// Longer lines of a stranger's text are broken, longer values cut. In bytes.
const MAX_LINE: usize = 4 << 10;
/// Names are padded to the longest among them, up to this many columns.
const MAX_NAME: usize = 24;

/// A remark of cmhook's own about what is shown.
fn remark(text: impl AsRef<str>) -> Line {
    Line::of(Role::Dim, text)
}

/// A message as a sentence: a capital letter first, unless that is part of a name, and a
/// period at its end.
fn sentence(message: &str) -> String {
    let first = message.split(' ').next().unwrap_or_default();
    let mut out = String::with_capacity(message.len() + 1);
    let mut letters = message.chars();
    if first.bytes().all(|byte| byte.is_ascii_lowercase()) {
        out.extend(letters.next().map(|letter| letter.to_ascii_uppercase()));
    }
    out.push_str(letters.as_str());
    if !message.ends_with(['.', '!', '?', ':']) {
        out.push('.');
    }
    out
}

/// What was found, and below it what to do about it.
fn finding(finding: &Finding) -> [Line; 2] {
    [
        Line::of(Role::Warn, sentence(&finding.message)),
        Line::of(Role::Dim, "  fix: ").with(Role::Accent, &finding.fix),
    ]
}

/// `1 value`, `20,000 values`.
fn counted(count: usize, one: &str, several: &str) -> String {
    let digits = count.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if count == 1 { one } else { several })
}

/// The start of a text that is no longer than [`MAX_LINE`], and whether there is more.
fn start_of(text: &str) -> (&str, bool) {
    let end = text.floor_char_boundary(MAX_LINE);
    (&text[..end], end < text.len())
}

/// Columns that a stranger's text takes when it is shown.
fn width(text: &str) -> usize {
    escape_for_terminal(text).width()
}

/// The column that values stand in behind names of these widths, two spaces between.
fn column(widths: impl Iterator<Item = usize>) -> usize {
    // A longer one pushes its own value aside, and no other's.
    widths
        .filter(|width| *width <= MAX_NAME)
        .max()
        .unwrap_or_default()
}

/// Spaces from the end of a name to its value.
fn gap(column: usize, width: usize) -> String {
    " ".repeat(column.saturating_sub(width) + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_become_sentences() {
        for (message, shown) in [
            ("nothing listens there", "Nothing listens there."),
            ("json.dumps adds a space", "json.dumps adds a space."),
            ("X-Signature does not match", "X-Signature does not match."),
            ("is it?", "Is it?"),
            ("", "."),
        ] {
            assert_eq!(sentence(message), shown);
        }
    }

    #[test]
    fn counts_are_grouped() {
        for (count, shown) in [
            (0, "0 bs"),
            (1, "1 a"),
            (999, "999 bs"),
            (1_234_567, "1,234,567 bs"),
        ] {
            assert_eq!(counted(count, "a", "bs"), shown);
        }
    }
}
