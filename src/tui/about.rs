//! What the screen is told once, when it is opened.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::delivery::Warning;

/// What does not change while the listener runs.
#[derive(Debug, Clone)]
pub struct About {
    /// Where deliveries arrive.
    pub url: String,
    /// A public URL that is the user's own.
    pub public_url: Option<String>,
    /// The web inspector, where it is served.
    pub page: Option<Page>,
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

/// The web inspector.
#[derive(Clone)]
pub struct Page {
    /// Where it is, without what opens it.
    pub url: String,
    /// Makes a link that opens it once, on a delivery if one is named. `None` where that
    /// cannot be made.
    pub link: Arc<dyn Fn(Option<u64>) -> Option<String> + Send + Sync>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}
