//! Deliveries in the formats of other programs, and back. Values in, bytes out.

pub mod curl;
pub mod fixture;
pub mod format;
pub mod har;
pub mod http;
pub mod json;
pub mod read;
pub mod redact;

/// The label of a secret that a redacted export was signed with. It stands in the export
/// itself and guards nothing.
pub const THROW_AWAY: &str = "throw-away";
