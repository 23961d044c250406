//! What was acknowledged is in the store, whatever happens to the process, the file, the
//! disk or its permissions; and where that cannot be, the sender is told so and the user too.
//!
//! The store is read here with SQLite itself and not through cmhook's code, so that both
//! would have to be wrong in the same way. Where a test needs root, mounts or strace it says
//! so and passes without, unless `CMHOOK_TESTS_REQUIRE_ALL=1`.

#![cfg(target_os = "linux")]

mod damage;
mod disk;
mod durable;
mod eviction;
mod kills;
mod kit;
mod locks;
mod modes;
mod stops;
#[path = "../support/mod.rs"]
mod support;
