//! What is wrong with a filter, and where.

use std::fmt;

use crate::delivery::escape_for_terminal;

/// A filter that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterError {
    /// Where the mistake begins, in characters from 1.
    pub column: usize,
    /// What is wrong, without a final period.
    pub message: String,
    /// What was probably meant, to be put in its place.
    pub suggestion: Option<String>,
}

impl std::error::Error for FilterError {}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)?;
        match &self.suggestion {
            Some(suggestion) => {
                write!(f, "; did you mean `{}`?", escape_for_terminal(suggestion))
            }
            None => Ok(()),
        }
    }
}

impl FilterError {
    /// The mistake at a column, which counts from 0 here.
    pub(super) fn at(column: usize, message: impl Into<String>) -> Self {
        Self {
            column: column + 1,
            message: message.into(),
            suggestion: None,
        }
    }

    /// The same with what was probably meant.
    pub(super) fn instead(mut self, suggestion: Option<impl Into<String>>) -> Self {
        self.suggestion = suggestion.map(Into::into);
        self
    }

    /// Two lines: the filter, and a caret below the mistake. Nothing in it is acted on by a
    /// terminal. A long filter is cut around the mistake, so that the two lines stay together.
    ///
    /// ```text
    /// event:email.* staus:5xx
    ///               ^
    /// ```
    pub fn drawn(&self, filter: &str) -> String {
        const AROUND: usize = 30;
        let column = self.column.saturating_sub(1);
        let count = filter.chars().count();
        // The caret is on the first character after the cut-off start, so nothing changes
        // for a filter that is short.
        let start = if column > 2 * AROUND {
            column - AROUND
        } else {
            0
        };
        let end = if count > column + 2 * AROUND {
            column + AROUND
        } else {
            count
        };
        let part = |from: usize, to: usize| -> String {
            let part: String = filter
                .chars()
                .skip(from)
                .take(to.saturating_sub(from))
                .collect();
            escape_for_terminal(&part).into_owned()
        };
        let before = part(start, column);
        let cut = if start > 0 { "…" } else { "" };
        let more = if end < count { "…" } else { "" };
        let width = unicode_width::UnicodeWidthStr::width(&*before) + cut.chars().count();
        format!(
            "{cut}{before}{}{more}\n{}^",
            part(column, end),
            " ".repeat(width)
        )
    }
}

/// The one of `known` that `text` was probably meant to be.
pub(super) fn nearest<'k>(text: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let text = text.to_lowercase();
    known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(&text, name), name))
        .filter(|(likeness, _)| *likeness > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// A text of the user's as it stands in a message: visible, and not longer than a line.
pub(super) fn quoted(text: &str) -> String {
    const MAX: usize = 60;
    let mut shown: String = text.chars().take(MAX).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    format!("`{}`", escape_for_terminal(&shown))
}

/// `a, b or c`.
pub(super) fn choice(words: &[&str]) -> String {
    let ticked: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match ticked.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}
