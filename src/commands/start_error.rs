//! Why a session fails.

/// Why a listener did not start or go on, beyond its port and its store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It would forward to itself.
    #[error("the target `{0}` is cmhook itself")]
    OwnPort(String),
    /// A second signal came while it was stopping.
    #[error("stopped at once by a second signal; what was in flight is lost")]
    Forced,
    /// Its lines went to a full disk, for example.
    #[error("cannot write to standard output")]
    Output(#[source] std::io::Error),
    /// The terminal is not one that a screen can be drawn on.
    #[error("cannot open the screen on this terminal")]
    Screen(#[source] std::io::Error),
}

impl StartError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::OwnPort(_) => "loop",
            Self::Forced => "forced",
            Self::Output(_) => "output",
            Self::Screen(_) => "screen",
        }
    }

    pub(crate) const fn exit(&self) -> u8 {
        match self {
            Self::OwnPort(_) => 2,
            Self::Forced | Self::Output(_) | Self::Screen(_) => 1,
        }
    }

    /// Whether standard output may be stuck, so that nothing waits for what is said there.
    pub(crate) const fn stuck(&self) -> bool {
        matches!(self, Self::Forced | Self::Output(_))
    }

    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::OwnPort(_) => "forward to the port that your app listens on",
            Self::Forced => "",
            Self::Output(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                "what came in is in the store, if there is one; `--quiet` writes no lines"
            }
            Self::Output(_) => {
                "it was stopped for that; what came in is in the store, and `--quiet` writes no lines"
            }
            Self::Screen(_) => "`--no-tui` writes lines in its place",
        }
    }
}
