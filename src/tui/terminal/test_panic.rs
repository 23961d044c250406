//! Panics on demand, for the tests of what happens then. Not in release builds.
//!
//! `CMHOOK_TEST_PANIC` names the thread: `screen`, which draws; `runtime`, a task of the
//! runtime that deliveries run on; `worker`, any other.
#![allow(clippy::panic, reason = "it is what this is for")]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static DRAWN: AtomicBool = AtomicBool::new(false);
static WHERE: OnceLock<String> = OnceLock::new();

fn asked_for(place: &str) -> bool {
    WHERE.get_or_init(|| std::env::var("CMHOOK_TEST_PANIC").unwrap_or_default()) == place
}

/// Has the runtime of this thread, or another thread, panic once the screen was drawn.
pub(super) fn arm() {
    let turn = Duration::from_millis(5);
    if asked_for("runtime") {
        tokio::spawn(async move {
            while !DRAWN.load(Ordering::SeqCst) {
                tokio::time::sleep(turn).await;
            }
            panic!("asked for in the runtime");
        });
    } else if asked_for("worker") {
        std::thread::spawn(move || {
            while !DRAWN.load(Ordering::SeqCst) {
                std::thread::sleep(turn);
            }
            panic!("asked for in a worker");
        });
    }
}

/// A frame was drawn.
pub(super) fn drawn() {
    assert!(!asked_for("screen"), "asked for in the screen");
    DRAWN.store(true, Ordering::SeqCst);
}
