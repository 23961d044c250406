//! Files that are written for the user: never through a link, never over another unasked.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};

/// Why a file was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// It leads elsewhere.
    #[error("`{}` is a link, which is not followed", .0.display())]
    Link(PathBuf),
    /// It is a folder, a device or the like.
    #[error("`{}` is no file", .0.display())]
    NoFile(PathBuf),
    /// It is there, and nobody has said that it may be replaced.
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
    /// The folder that it is to be in cannot be made.
    #[error("cannot make the folder `{}`", .0.display())]
    Folder(PathBuf, #[source] io::Error),
    /// What is in it cannot be read.
    #[error("cannot read `{}`", .0.display())]
    Read(PathBuf, #[source] io::Error),
    /// The system refuses it.
    #[error("cannot write `{}`", .0.display())]
    Write(PathBuf, #[source] io::Error),
}

/// Makes the folder and those that it is in, unless they are there. They are for the user
/// alone.
///
/// # Errors
/// Where it cannot be made.
pub fn create_folder(folder: &Path) -> Result<(), FileError> {
    if folder.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    for_the_user(&mut builder);
    builder
        .create(folder)
        .map_err(|error| FileError::Folder(folder.to_owned(), error))
}

/// Makes a folder with this name, which must not be there yet. It is for the user alone.
///
/// # Errors
/// Where it cannot be made.
pub fn create_new_folder(folder: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    for_the_user(&mut builder);
    builder.create(folder)
}

#[cfg_attr(
    not(unix),
    expect(unused_variables, reason = "folders have no mode there")
)]
fn for_the_user(builder: &mut fs::DirBuilder) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
}

/// Makes the folder that the file is to be in, unless it is there.
///
/// # Errors
/// As [`create_folder`].
pub fn create_parent(path: &Path) -> Result<(), FileError> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => create_folder(parent),
        _ => Ok(()),
    }
}

/// Refuses a file that must not be written.
///
/// # Errors
/// Where something is there that is no file, or a file without `force`.
pub fn check(path: &Path, force: bool) -> Result<(), FileError> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(FileError::Write(path.to_owned(), error)),
    };
    if found.is_symlink() {
        Err(FileError::Link(path.to_owned()))
    } else if !found.is_file() {
        Err(FileError::NoFile(path.to_owned()))
    } else if force {
        Ok(())
    } else {
        Err(FileError::Exists(path.to_owned()))
    }
}

/// Writes a file that is for the user alone. It is there as a whole or not at all.
///
/// # Errors
/// As [`check`], and where it cannot be written.
pub fn write(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    check(path, force)?;
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    // What is replaced is so at once. What is new is made under its own name, so that two
    // exports at a time cannot write over each other.
    let part = if force { Path::new(&part) } else { path };
    let file = match create_new(part) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(part, false)?;
            return Err(FileError::Write(part.to_owned(), error));
        }
        file => file.map_err(|error| FileError::Write(part.to_owned(), error))?,
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
    written.map_err(|error| FileError::Write(path.to_owned(), error))
}

/// Makes a file for the user alone: neither through a link nor over something, since what
/// is not made here is not written.
///
/// # Errors
/// Where something is there, or it cannot be made.
pub fn create_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    options.open(path)
}

/// Waits for its turn to change a file, and has it until what is returned is dropped. It is
/// not the file itself that is locked, since that is replaced.
///
/// # Errors
/// Where the file that is locked in its place cannot be made.
pub fn lock(path: &Path) -> io::Result<File> {
    create_parent(path).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let file = options.open(path.with_extension("lock"))?;
    file.lock()?;
    Ok(file)
}
