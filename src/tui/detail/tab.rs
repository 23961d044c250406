//! The tabs.

/// What of a delivery is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Tab {
    Payload,
    Headers,
    Response,
    Attempts,
    Signature,
    Raw,
}

impl Tab {
    pub(in crate::tui) const ALL: [Self; 6] = [
        Self::Payload,
        Self::Headers,
        Self::Response,
        Self::Attempts,
        Self::Signature,
        Self::Raw,
    ];

    pub(in crate::tui) const fn name(self) -> &'static str {
        match self {
            Self::Payload => "Payload",
            Self::Headers => "Headers",
            Self::Response => "Response",
            Self::Attempts => "Attempts",
            Self::Signature => "Signature",
            Self::Raw => "Raw",
        }
    }

    /// The key that shows it, counted from 1.
    pub(in crate::tui) fn number(self) -> usize {
        self.index() + 1
    }

    pub(super) fn index(self) -> usize {
        Self::ALL.iter().position(|tab| *tab == self).unwrap_or(0)
    }
}
