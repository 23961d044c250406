//! The configuration files.

use std::path::PathBuf;

use super::{Check, listed};
use crate::config::ConfigError;

const ID: &str = "config";

/// What is to be said of the files that were read. `doubts` are those of all settings.
pub fn read(files: &[PathBuf], doubts: &[String]) -> Check {
    let names: Vec<_> = files
        .iter()
        .map(|file| format!("`{}`", file.display()))
        .collect();
    let read = if names.is_empty() {
        "no cmhook.toml, flags and environment only".to_owned()
    } else {
        format!("read {}", listed(&names))
    };
    match doubts {
        [] => Check::ok(ID, read),
        doubts => Check::warn(ID, format!("{read}: {}", doubts.join("; "))),
    }
}

/// What is to be said of files that cannot be used.
pub fn unusable(error: &ConfigError) -> Check {
    Check::fail(ID, &error.message).cure(&error.hint)
}
