//! What the screen is told once, when it is opened.

use std::path::PathBuf;

use jiff::tz::TimeZone;

use crate::delivery::Warning;

/// What does not change while the listener runs.
#[derive(Debug, Clone)]
pub struct About {
    /// Where deliveries arrive.
    pub url: String,
    /// The store's file; `None` where everything is in memory only.
    pub store: Option<PathBuf>,
    /// A line for whoever opens the screen, beside what it says by itself.
    pub note: Option<String>,
    /// What was found out at the start and should be known.
    pub warnings: Vec<Warning>,
    /// Where the user is.
    pub zone: TimeZone,
    /// Whether to colour.
    pub coloured: bool,
    /// Whether the terminal shows more than ASCII.
    pub unicode: bool,
    /// Where exported files go: the folder that cmhook was started in.
    pub folder: PathBuf,
}
