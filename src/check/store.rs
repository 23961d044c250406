//! The store, as a listener would find it.

use std::fs;
use std::path::{Path, PathBuf};

use super::Check;
use crate::delivery::words::size;
use crate::store::{Limits, OpenError, Reader, is_damage};

const ID: &str = "store";

/// Less room than this on a disk is little.
const LITTLE: u64 = 64 << 20;

/// What is to be said of a store. `holder` is the process of the listener that runs on it.
pub fn check(path: Option<&Path>, holder: Option<u64>) -> Check {
    let Some(path) = path else {
        return Check::skip(ID, "deliveries are kept in memory only");
    };
    let shown = path.display();
    let reader = match Reader::open(path) {
        Ok(reader) => reader,
        Err(OpenError::Missing { .. }) => {
            return room(
                path,
                Check::ok(ID, format!("none yet; `cmhook listen` makes `{shown}`")),
            );
        }
        Err(error) => return unusable(path, &error),
    };
    let (count, damaged) = match counted(&reader) {
        Ok(counts) => counts,
        Err(error) => return unusable(path, &error),
    };
    let held = holder.map_or_else(String::new, |pid| {
        format!(", in use by the listener (process {pid})")
    });
    let count = match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    };
    let said = format!("{count}, {} in `{shown}`{held}", size(on_disk(path)));
    if damaged > 0 {
        let damaged =
            format!("{said}; {damaged} deliveries or attempts in it are damaged and left out");
        return Check::warn(ID, damaged)
            .cure("`cmhook export` saves what can be read; `cmhook clear` empties the store");
    }
    room(path, Check::ok(ID, said))
}

/// How many deliveries there are, and how many rows are damaged. Few are held at a time: a
/// store may be larger than what this process should take.
fn counted(reader: &Reader) -> Result<(usize, u64), OpenError> {
    const AT_A_TIME: u64 = 256;
    let newest = Limits {
        count: 1,
        ..Limits::NONE
    };
    let newest = reader.read(0..=u64::MAX, newest)?;
    let Some(last) = newest.kept.last().map(|kept| kept.delivery.id) else {
        let all = reader.all()?;
        return Ok((all.kept.len(), all.damaged));
    };
    let (mut count, mut damaged) = (0, 0);
    let mut end = last;
    loop {
        let start = end.saturating_sub(AT_A_TIME - 1);
        let found = reader.read(start..=end, Limits::NONE)?;
        count += found.kept.len();
        damaged += found.damaged;
        if start == 0 {
            return Ok((count, damaged));
        }
        end = start - 1;
    }
}

fn unusable(path: &Path, error: &OpenError) -> Check {
    let said = match error {
        OpenError::Io { source, .. } => format!("{error}: {source}"),
        _ => error.to_string(),
    };
    let cure = match error {
        OpenError::Newer { .. } => {
            "upgrade this cmhook, or use another store with `--store PATH`".to_owned()
        }
        OpenError::NotAStore { .. } | OpenError::Folder { .. } => {
            "name another file with `--store PATH`".to_owned()
        }
        OpenError::Database { cause, .. } if is_damage(cause) => format!(
            "`cmhook listen` puts it aside, saves what can be read of it and begins anew; or move `{}` away",
            path.display()
        ),
        OpenError::Io { .. } | OpenError::Database { .. } => {
            "check the permissions of the file and of its folder".to_owned()
        }
        _ => String::new(),
    };
    Check::fail(ID, said).cure(cure)
}

/// The file and what stands beside it.
fn on_disk(path: &Path) -> u64 {
    let length = |path: PathBuf| fs::metadata(path).map_or(0, |found| found.len());
    let mut wal = path.as_os_str().to_owned();
    wal.push("-wal");
    length(path.to_owned()) + length(PathBuf::from(wal))
}

/// The same check, or what is wrong with the place.
fn room(path: &Path, check: Check) -> Check {
    let folder = path.ancestors().skip(1).find(|folder| folder.is_dir());
    let Some(folder) = folder else {
        return check;
    };
    if !is_writable(folder) {
        return Check::warn(
            ID,
            format!(
                "{}; the folder `{}` cannot be written",
                check.found,
                folder.display()
            ),
        )
        .cure("change its permissions, or keep deliveries elsewhere with `--store PATH`");
    }
    match free(folder) {
        Some(free) if free < LITTLE => Check::warn(
            ID,
            format!("{}; the disk has {} left", check.found, size(free)),
        )
        .cure(
            "make room: what cannot be written is answered 503, and Cakemail sends it again later",
        ),
        _ => check,
    }
}

#[cfg(unix)]
fn is_writable(folder: &Path) -> bool {
    rustix::fs::access(folder, rustix::fs::Access::WRITE_OK).is_ok()
}

#[cfg(not(unix))]
fn is_writable(_: &Path) -> bool {
    true
}

#[cfg(unix)]
fn free(folder: &Path) -> Option<u64> {
    let found = rustix::fs::statvfs(folder).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(not(unix))]
fn free(_: &Path) -> Option<u64> {
    None
}
