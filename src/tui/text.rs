//! Lines of text for the screen: what is written, and what it is, but not in which colour.
//!
//! Captured text is a stranger's. Every piece is made harmless when it is made, and there is
//! no other way to make one, so that nothing reaches the terminal as it came.

use std::borrow::Cow;

use unicode_width::UnicodeWidthStr as _;

use crate::delivery::escape_for_terminal;

/// What a piece of text is; the theme has a style for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Role {
    /// Ordinary text.
    #[default]
    Plain,
    /// What matters less: times, punctuation, units.
    Dim,
    /// What matters most on its line.
    Strong,
    /// The one accent: titles, what is active.
    Accent,
    /// It went well: a right signature, a 2xx.
    Good,
    /// It failed.
    Bad,
    /// It may be a mistake, or it is odd.
    Warn,
    /// The name of a member or a header.
    Name,
    /// A text in JSON.
    Text,
    /// A number in JSON.
    Number,
    /// `true`, `false`, `null`.
    Word,
    /// What only the second of two things has.
    Added,
    /// What only the first of two things has.
    Removed,
}

/// Some text of one role, harmless on a terminal and without line ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) role: Role,
    text: Box<str>,
}

impl Piece {
    /// A piece; control, C1, bidirectional and invisible characters become visible escapes.
    pub(super) fn new(role: Role, text: impl AsRef<str>) -> Self {
        let text = match escape_for_terminal(text.as_ref()) {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into_boxed_str(),
        };
        Self { role, text }
    }

    /// What is written.
    pub(super) fn text(&self) -> &str {
        &self.text
    }
}

/// What a line stands for, where the cursor can be put on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag {
    /// The value in the payload whose node has this number.
    Node(usize),
    /// The attempt of this number.
    Attempt(u32),
}

/// A line of the screen, however long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) pieces: Vec<Piece>,
    pub(super) tag: Option<Tag>,
}

impl Line {
    /// An empty line.
    pub(super) const fn empty() -> Self {
        Self {
            pieces: Vec::new(),
            tag: None,
        }
    }

    /// A line of one piece.
    pub(super) fn of(role: Role, text: impl AsRef<str>) -> Self {
        Self::empty().with(role, text)
    }

    /// The same with another piece at its end.
    pub(super) fn with(mut self, role: Role, text: impl AsRef<str>) -> Self {
        self.pieces.push(Piece::new(role, text));
        self
    }

    /// The same, standing for something.
    pub(super) const fn tagged(mut self, tag: Tag) -> Self {
        self.tag = Some(tag);
        self
    }

    /// Terminal columns that it takes.
    pub(super) fn width(&self) -> usize {
        self.pieces.iter().map(|piece| piece.text.width()).sum()
    }

    /// What is written, without roles.
    pub(super) fn plain(&self) -> String {
        self.pieces.iter().map(Piece::text).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::is_unsafe_on_terminal;
    use proptest::prelude::*;

    #[test]
    fn width_is_in_columns() {
        let line = Line::of(Role::Plain, "日本").with(Role::Dim, "e\u{301}");
        assert_eq!((line.width(), line.plain()), (5, "日本e\u{301}".to_owned()));
    }

    proptest! {
        #[test]
        fn no_piece_is_harmful(text in any::<String>()) {
            prop_assert!(!Line::of(Role::Plain, &text).plain().contains(is_unsafe_on_terminal));
        }
    }
}
