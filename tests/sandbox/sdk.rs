//! Cakemail's official SDK, from npm, against the sandbox.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::needs::{needs, works};
use crate::support::sandbox::Sandbox;

/// Where `./tests/run` has installed the SDK; `None` where it has not.
fn modules() -> Option<PathBuf> {
    let own = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/test-apps");
    let apps = std::env::var_os("CMHOOK_TEST_APPS").map_or_else(own, PathBuf::from);
    let modules = apps.join("sdk/node_modules");
    let found = modules.join("@cakemail-org/cakemail-sdk").is_dir()
        && works(Command::new("node").arg("--version"));
    needs(found, "node and Cakemail's SDK").then_some(modules)
}

#[track_caller]
fn check(sandbox: &Sandbox, modules: &Path) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/apps/sdk/check.mjs");
    let output = Command::new("node")
        .arg(script)
        .arg(sandbox.url())
        .arg(modules)
        .output()
        .expect("node starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "fine\n");
}

#[test]
fn the_official_sdk_does_all_it_can() {
    if let Some(modules) = modules() {
        check(&Sandbox::start(&[]), &modules);
    }
}

#[test]
fn it_refreshes_tokens_that_do_not_last() {
    // The SDK takes a token for expired five minutes before it is, so this makes it refresh one
    // for each call.
    if let Some(modules) = modules() {
        check(&Sandbox::start(&["--token-lifetime", "2m"]), &modules);
    }
}
