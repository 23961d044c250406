//! Durations, sizes and verdicts as people read them, the same on every face.

use std::time::Duration;

use bytesize::ByteSize;

use super::Verdict;

/// `<1ms`, `12ms`, `30.0s`.
pub fn took(duration: Duration) -> String {
    if duration < Duration::from_millis(1) {
        "<1ms".into()
    } else if duration < Duration::from_secs(10) {
        format!("{}ms", duration.as_millis())
    } else {
        format!("{:.1}s", duration.as_secs_f64())
    }
}

/// `431 B`, `1.2 kB`.
pub fn size(bytes: u64) -> String {
    ByteSize(bytes).display().si().to_string()
}

/// What verification said, without its reason. The label in it is as the user wrote it.
pub fn verdict(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Valid { scheme, secret } => format!("signed ({scheme}, secret `{secret}`)"),
        Verdict::Invalid { .. } => "invalid signature".into(),
        Verdict::Unsigned => "unsigned".into(),
        Verdict::Unchecked => "signed, no secret known to check it".into(),
    }
}
