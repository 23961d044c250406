//! The signs on the screen that are no letters, for terminals with and without Unicode.

use crate::delivery::Verdict;
use crate::tui::text::Role;

/// A set of signs, each one column wide but for `ellipsis` and `arrow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) struct Glyphs {
    /// Before what can be folded and is not.
    pub(in crate::tui) open: &'static str,
    /// Before what is folded.
    pub(in crate::tui) closed: &'static str,
    /// A right signature, a thing done.
    pub(in crate::tui) good: &'static str,
    /// A wrong signature, a failure.
    pub(in crate::tui) bad: &'static str,
    /// No signature.
    pub(in crate::tui) none: &'static str,
    /// A signature that cannot be checked.
    pub(in crate::tui) unknown: &'static str,
    /// From one thing to another.
    pub(in crate::tui) arrow: &'static str,
    /// Before the line that is selected.
    pub(in crate::tui) bar: &'static str,
    /// Something that is there, or goes on.
    pub(in crate::tui) bullet: &'static str,
    /// It had to wait.
    pub(in crate::tui) waited: &'static str,
    /// Sent again.
    pub(in crate::tui) again: &'static str,
    /// More follows below.
    pub(in crate::tui) down: &'static str,
    /// Something is left out.
    pub(in crate::tui) ellipsis: &'static str,
    /// So many times.
    pub(in crate::tui) times: &'static str,
}

impl Glyphs {
    /// For terminals of this century.
    pub(in crate::tui) const UNICODE: Self = Self {
        open: "▾",
        closed: "▸",
        good: "✓",
        bad: "✗",
        none: "·",
        unknown: "?",
        arrow: "→",
        bar: "▌",
        bullet: "●",
        waited: "◷",
        again: "↻",
        down: "↓",
        ellipsis: "…",
        times: "×",
    };

    /// For the others.
    pub(in crate::tui) const ASCII: Self = Self {
        open: "v",
        closed: ">",
        good: "+",
        bad: "x",
        none: ".",
        unknown: "?",
        arrow: "->",
        bar: ">",
        bullet: "*",
        waited: "w",
        again: "r",
        down: "v",
        ellipsis: "...",
        times: "x",
    };

    /// Those for a terminal that shows more than ASCII, or does not.
    pub(in crate::tui) const fn of(unicode: bool) -> Self {
        if unicode { Self::UNICODE } else { Self::ASCII }
    }

    /// The mark of a verdict, and what it is.
    pub(in crate::tui) const fn verdict(&self, verdict: &Verdict) -> (Role, &'static str) {
        match verdict {
            Verdict::Valid { .. } => (Role::Good, self.good),
            Verdict::Invalid { .. } => (Role::Bad, self.bad),
            Verdict::Unsigned => (Role::Dim, self.none),
            Verdict::Unchecked => (Role::Warn, self.unknown),
        }
    }
}

/// What a status is: 2xx went well, 3xx is odd for a webhook, all else failed.
pub(in crate::tui) const fn role_of(status: u16) -> Role {
    match status {
        200..300 => Role::Good,
        300..400 => Role::Warn,
        _ => Role::Bad,
    }
}
