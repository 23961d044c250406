//! Colours, and how times, sizes and strangers' text are written for people.

use std::borrow::Cow;

use anstyle::{AnsiColor, Style};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::config::Color;
use crate::delivery::{Verdict, escape_for_terminal, value_text, words};
use crate::lines::coloured;

pub(super) const GREEN: Style = AnsiColor::Green.on_default();
pub(super) const RED: Style = AnsiColor::Red.on_default();
pub(super) const YELLOW: Style = AnsiColor::Yellow.on_default();
pub(super) const CYAN: Style = AnsiColor::Cyan.on_default();
pub(super) const MAGENTA: Style = AnsiColor::Magenta.on_default();
pub(super) const BOLD: Style = Style::new().bold();
pub(super) const DIM: Style = Style::new().dimmed();

/// How one run writes.
#[derive(Debug, Clone)]
pub(super) struct Ink {
    colour: bool,
    zone: TimeZone,
}

impl Ink {
    /// For a stream that is a terminal or is not.
    pub(super) fn new(color: Color, terminal: bool) -> Self {
        Self {
            colour: coloured(color, terminal),
            zone: TimeZone::system(),
        }
    }

    /// Text that is fit for a terminal, coloured if that is wanted.
    pub(super) fn paint<'t>(&self, style: Style, text: &'t str) -> Cow<'t, str> {
        if self.colour && !text.is_empty() {
            Cow::Owned(format!("{style}{text}{style:#}"))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// A time where the user is.
    pub(super) fn time(&self, at: Timestamp) -> String {
        let local = at.to_zoned(self.zone.clone());
        local.strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// What verification said, with a mark and words.
    pub(super) fn verdict(&self, verdict: &Verdict) -> String {
        let (style, mark) = match verdict {
            Verdict::Valid { .. } => (GREEN, '✓'),
            Verdict::Invalid { .. } => (RED, '✗'),
            Verdict::Unsigned => (DIM, '·'),
            Verdict::Unchecked => (YELLOW, '?'),
        };
        let words = words::verdict(verdict);
        self.paint(style, &format!("{mark} {}", shown(&words)))
            .into_owned()
    }
}

/// The colour of a status.
pub(super) const fn style_of(status: u16) -> Style {
    match status {
        200..300 => GREEN,
        300..400 => YELLOW,
        _ => RED,
    }
}

/// A stranger's text, neutralised.
pub(super) fn shown(text: &str) -> Cow<'_, str> {
    escape_for_terminal(text)
}

/// A header's value, neutralised; what is not UTF-8 is read as Latin-1.
pub(super) fn value(bytes: &[u8]) -> String {
    shown(&value_text(bytes)).into_owned()
}
