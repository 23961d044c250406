//! The time as it is kept.

use jiff::Timestamp;

/// The time to the microsecond, which is what the journal keeps.
pub(super) fn now() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}
