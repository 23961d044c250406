//! Files that are written: never through a link, never over another unasked, and with names
//! in which nothing is a stranger's but letters and digits.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::cli::FormatArg;
use crate::config::ConfigError;
use crate::delivery::{Kept, escape_for_terminal};

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

/// The file's name for a delivery: its id, its event as far as that is letters, digits,
/// dots and dashes, and an ending that tells the format.
pub(super) fn name(kept: &Kept, format: FormatArg) -> String {
    let ending = match format {
        FormatArg::Curl => "sh",
        FormatArg::Har => "har",
        FormatArg::Fixture => "json",
        FormatArg::Json => "jsonl",
        FormatArg::Raw => "body",
        FormatArg::Http => "http",
    };
    let event = kept.delivery.request.event.as_deref().unwrap_or_default();
    let mut slug = String::new();
    for c in event.chars().take(60) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.is_empty() && !slug.ends_with(['.', '-']) {
            slug.push(if c == '.' { '.' } else { '-' });
        }
    }
    let slug = slug.trim_end_matches(['.', '-']);
    let id = kept.delivery.id;
    match slug {
        "" => format!("{id}.{ending}"),
        slug => format!("{id}-{slug}.{ending}"),
    }
}

/// As it is shown.
pub(super) fn shown(path: &Path) -> String {
    escape_for_terminal(&path.display().to_string()).into_owned()
}

/// Makes the folder and those that it is in, unless they are there.
///
/// # Errors
/// Where it cannot be made.
pub(super) fn create_folder(folder: &Path) -> anyhow::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder
        .create(folder)
        .with_context(|| format!("cannot make the folder `{}`", folder.display()))
}

/// Makes the folder that the file is to be in, unless it is there.
///
/// # Errors
/// As [`create_folder`].
pub(super) fn create_parent(path: &Path) -> anyhow::Result<()> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => create_folder(parent),
        _ => Ok(()),
    }
}

/// Refuses a file that must not be written.
///
/// # Errors
/// Where something is there that is no file, or a file without `force`.
pub(super) fn check(path: &Path, force: bool) -> anyhow::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(cannot_write(path)(error)),
    };
    let (what, hint) = if found.is_symlink() {
        (
            "is a link, which is not followed",
            "name the file that it leads to, or remove it",
        )
    } else if !found.is_file() {
        (
            "is no file",
            "name a file, or write to standard output and redirect that",
        )
    } else if force {
        return Ok(());
    } else {
        (
            "exists already",
            "name another, or replace it with `--force`",
        )
    };
    let message = format!("`{}` {what}", path.display());
    Err(ConfigError {
        message,
        hint: hint.into(),
    }
    .into())
}

/// Writes a file that is for the user alone. It is there as a whole or not at all.
///
/// # Errors
/// As [`check`], and where it cannot be written.
pub(super) fn write(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> anyhow::Result<()> {
    check(path, force)?;
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    // What is replaced is so at once. What is new is made under its own name, so that two
    // exports at a time cannot write over each other.
    let part = if force { Path::new(&part) } else { path };
    let file = match create(part) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(part, false)?;
            return Err(cannot_write(part)(error));
        }
        file => file.map_err(cannot_write(part))?,
    };
    let mut out = BufWriter::new(file);
    let written = content(&mut out).and_then(|()| out.flush());
    drop(out);
    let written = written.and_then(|()| {
        if force {
            fs::rename(part, path)
        } else {
            Ok(())
        }
    });
    if written.is_err() {
        let _ = fs::remove_file(part);
    }
    written.map_err(cannot_write(path))
}

/// Neither through a link nor over something: what is not made here is not written.
fn create(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

fn cannot_write(path: &Path) -> impl Fn(io::Error) -> anyhow::Error {
    let path = path.display().to_string();
    move |error| anyhow::Error::new(error).context(format!("cannot write `{path}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Delivery, Headers, Received, Verdict};
    use proptest::prelude::*;
    use std::sync::Arc;

    fn kept(event: &str) -> Kept {
        Kept::new(Arc::new(Delivery {
            id: 42,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: bytes::Bytes::new(),
                event: Some(event.into()),
                verdict: Verdict::Unsigned,
                original: None,
            },
        }))
    }

    #[test]
    fn names_are_those_of_files_in_the_folder() {
        for (event, name) in [
            ("email.opened", "42-email.opened.json"),
            ("", "42.json"),
            ("../../etc/passwd", "42-etc-passwd.json"),
            ("..", "42.json"),
            ("a\0b\n/c\\d:e", "42-a-b-c-d-e.json"),
            ("-rf *", "42-rf.json"),
            ("é\u{202e}", "42.json"),
        ] {
            assert_eq!(super::name(&kept(event), FormatArg::Fixture), name);
        }
    }

    proptest! {
        #[test]
        fn any_event_gives_a_plain_name(event in any::<String>()) {
            let name = super::name(&kept(&event), FormatArg::Raw);
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
            prop_assert!(name.starts_with("42") && name.len() < 80);
            prop_assert!(name.chars().all(plain) && !name.contains(".."));
        }
    }
}
