//! Words that are to mean events.

use super::ConfigError;
use crate::cakemail::event::{EventPattern, NAMES};
use crate::delivery::is_unsafe_on_terminal;

/// Refuses a pattern that means no event of any of Cakemail's documents.
///
/// # Errors
/// With the name that was probably meant.
pub fn known_event(pattern: &EventPattern) -> Result<(), ConfigError> {
    if pattern.is_known() {
        return Ok(());
    }
    let meant = pattern.suggestion();
    Err(unknown_event(&pattern.to_string(), meant.as_deref()))
}

/// A word that means no event.
pub fn unknown_event(text: &str, meant: Option<&str>) -> ConfigError {
    let what = if text.contains(['*', '?']) {
        "no event matches"
    } else {
        "there is no event called"
    };
    let shown: String = text.chars().take(80).collect();
    let safe = meant.filter(|meant| !meant.contains(is_unsafe_on_terminal));
    ConfigError {
        message: format!("{what} `{}`", shown.escape_debug()),
        hint: match safe {
            Some(meant) => format!("did you mean `{meant}`? `cmhook trigger --list` lists all"),
            None => format!("`cmhook trigger --list` lists all {}", NAMES.len()),
        },
    }
}
