//! Files that are written for the user: never through a link, never over another unasked.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

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

/// Writes a file that is for the user alone. It is there as a whole or not at all, after a
/// power cut too.
///
/// # Errors
/// As [`check`], and where it cannot be written.
pub fn write(
    path: &Path,
    force: bool,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), FileError> {
    check(path, force)?;
    // What is replaced is so at once. What is new is made under its own name, so that two
    // exports at a time cannot write over each other.
    let part = if force {
        part_of(path).map_err(|error| FileError::Write(path.to_owned(), error))?
    } else {
        path.to_owned()
    };
    let file = match create_new(&part) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            check(&part, false)?;
            return Err(FileError::Write(part, error));
        }
        file => file.map_err(|error| FileError::Write(part.clone(), error))?,
    };
    let mut out = BufWriter::new(file);
    let written = content(&mut out)
        .and_then(|()| out.flush())
        // A name may reach the disk before what it names.
        .and_then(|()| out.get_ref().sync_all());
    drop(out);
    let written = written.and_then(|()| {
        if force {
            fs::rename(&part, path)
        } else {
            Ok(())
        }
    });
    if written.is_err() {
        let _ = fs::remove_file(part);
    } else {
        sync_parent(path);
    }
    written.map_err(|error| FileError::Write(path.to_owned(), error))
}

/// The end of names under which files are written before they are what they are called.
const PART: &str = ".part";

/// A name that nobody else has: a process's number is another one's as well, in another
/// container or after a crash.
fn part_of(path: &Path) -> io::Result<PathBuf> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(io::Error::other)?;
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}{PART}", hex::encode(random)));
    Ok(part.into())
}

/// Has the names in a file's folder be on the disk, where a folder can be synced at all.
fn sync_parent(path: &Path) {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    if let Ok(folder) = File::open(folder.unwrap_or(Path::new("."))) {
        let _ = folder.sync_all();
    }
}

/// Removes what a crash has left of earlier writes of a file. For whoever has its
/// [`lock`]: nobody else is writing it then.
pub fn sweep(path: &Path) {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name().and_then(OsStr::to_str))
    else {
        return;
    };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let found = entry.file_name();
        let rest = found.to_str().and_then(|found| found.strip_prefix(name));
        if rest.is_some_and(|rest| rest.starts_with('.') && rest.ends_with(PART)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Finds out whether a file can be replaced by one that is longer by `more` bytes.
///
/// # Errors
/// As [`write`].
pub fn try_to_write(path: &Path, more: usize) -> Result<(), FileError> {
    check(path, true)?;
    let failed = |error| FileError::Write(path.to_owned(), error);
    let length = match fs::metadata(path) {
        Ok(found) => found.len(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(failed(error)),
    };
    let part = part_of(path).map_err(failed)?;
    let mut file = create_new(&part).map_err(failed)?;
    let mut zeros = io::Read::take(io::repeat(0), length.saturating_add(more as u64));
    let written = io::copy(&mut zeros, &mut file).and_then(|_| file.sync_all());
    drop(file);
    // One that stays is swept.
    let _ = fs::remove_file(part);
    written.map_err(failed)
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

/// How long a turn is waited for. Whoever has it may be asking a server that is slow.
const TURN_WITHIN: Duration = Duration::from_secs(20);

/// How often it is tried.
const TRIES_EVERY: Duration = Duration::from_millis(20);

/// Waits for its turn to change a file, and has it until what is returned is dropped. It is
/// not the file itself that is locked, since that is replaced.
///
/// # Errors
/// Where the file that is locked in its place cannot be made, or another process keeps it.
pub fn lock(path: &Path) -> io::Result<File> {
    lock_within(path, TURN_WITHIN)
}

fn lock_within(path: &Path, patience: Duration) -> io::Result<File> {
    create_parent(path).map_err(io::Error::other)?;
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let path = path.with_extension("lock");
    let mut file = options.open(&path)?;
    let deadline = Instant::now() + patience;
    let mut is_told = false;
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(error),
            Err(TryLockError::WouldBlock) => {}
        }
        if !is_told {
            is_told = true;
            let who = holder(&path);
            tracing::debug!("waiting for {who}, which has `{}`", path.display());
        }
        if Instant::now() >= deadline {
            let (who, seconds) = (holder(&path), patience.as_secs());
            let kept = format!("{who} has `{}` for longer than {seconds} s", path.display());
            return Err(io::Error::new(io::ErrorKind::TimedOut, kept));
        }
        std::thread::sleep(TRIES_EVERY);
    }
    // It is only for whoever waits.
    let _ = file.set_len(0);
    let _ = write!(file, "{}", std::process::id());
    Ok(file)
}

/// Who has a lock, as far as that is known: some systems let nobody else read it.
fn holder(lock: &Path) -> String {
    let pid = fs::read_to_string(lock).unwrap_or_default();
    match pid.trim().parse::<u32>() {
        Ok(pid) => format!("the process {pid}"),
        Err(_) => "another process".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_crash_has_left_is_in_nobodys_way_and_goes() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("kept.toml");
        let left = format!("kept.toml.{}.part", std::process::id());
        fs::write(home.path().join(left), "old").unwrap();
        fs::write(home.path().join("kept.toml.trial"), "").unwrap();
        write(&path, true, |out| out.write_all(b"new")).unwrap();
        try_to_write(&path, 100).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        sweep(&path);
        let mut names: Vec<_> = (fs::read_dir(home.path()).unwrap())
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["kept.toml", "kept.toml.trial"]);
    }

    #[test]
    fn a_turn_is_not_waited_for_for_ever_and_who_has_it_is_said() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("kept.toml");
        let turn = lock(&path).unwrap();
        let error = lock_within(&path, Duration::from_millis(1)).unwrap_err();
        let said = error.to_string();
        #[cfg(unix)]
        assert!(said.contains(&format!("the process {}", std::process::id())));
        assert!(said.contains("kept.lock` for longer than"), "{said}");
        drop(turn);
        lock_within(&path, Duration::ZERO).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn what_cannot_be_replaced_is_known_before() {
        let home = tempfile::tempdir().unwrap();
        let (file, link) = (home.path().join("file"), home.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        assert!(matches!(try_to_write(&link, 1), Err(FileError::Link(_))));
        assert!(try_to_write(&home.path().join("none/file"), 1).is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
    }
}
