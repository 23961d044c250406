//! Where an export goes, and what is said when it cannot go there.

use std::path::{Path, PathBuf};

use crate::config::ConfigError;
use crate::delivery::escape_for_terminal;
use crate::files::FileError;

/// Where an export goes.
pub(super) enum Destination {
    /// To standard output.
    Stdout,
    /// All of it into one file.
    File(PathBuf),
    /// A file for each delivery.
    Folder(PathBuf),
}

impl Destination {
    /// What `-o` names; `-` is standard output.
    pub(super) fn of(output: Option<&str>) -> Self {
        match output {
            None | Some("-") => Self::Stdout,
            Some(path) if path.ends_with('/') || Path::new(path).is_dir() => {
                Self::Folder(path.into())
            }
            Some(path) => Self::File(path.into()),
        }
    }
}

/// As it is shown.
pub(super) fn shown(path: &Path) -> String {
    escape_for_terminal(&path.display().to_string()).into_owned()
}

/// A file that must not be written is a mistake in the flags; what the system refuses is not.
pub(super) fn refused(error: FileError) -> anyhow::Error {
    let hint = match &error {
        FileError::Link(_) => "name the file that it leads to, or remove it",
        FileError::NoFile(_) => "name a file, or write to standard output and redirect that",
        FileError::Exists(_) => "name another, or replace it with `--force`",
        _ => return error.into(),
    };
    ConfigError {
        message: error.to_string(),
        hint: hint.into(),
    }
    .into()
}
