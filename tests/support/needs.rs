//! What a test needs besides cmhook: other programs, and what a sandbox may forbid.

use std::process::{Command, Stdio};

/// Whether the test can go on. Where it cannot it says so and passes, but fails where
/// everything was promised to be there.
#[track_caller]
pub fn needs(found: bool, what: &str) -> bool {
    if !found {
        let line = format!("skipped: needs {what} (run ./tests/run)");
        let required =
            std::env::var_os("CMHOOK_TESTS_REQUIRE_ALL").is_some_and(|value| value == "1");
        assert!(!required, "{line}");
        eprintln!("{line}");
    }
    found
}

/// Whether this runs and says that it went well.
pub fn works(command: &mut Command) -> bool {
    let quiet = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}
