//! One listener a store: the lock, and the word that one leaves for the next.

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;

use super::error::{OpenError, io_error};
use super::private::{beside, private_options, restrict};

/// What stands in the lock file below the process id when [`doubt`] was called.
const DOUBT: &str = "damaged\n";

/// The sole right to write a store, until it is dropped.
#[derive(Debug)]
pub struct Lock(#[expect(dead_code, reason = "held for its lock")] File);

/// Takes the lock in `PATH.lock` and writes this process's id into it. Tells whether the one
/// before has left word that the store is damaged.
pub(super) fn lock(path: &Path) -> Result<(Lock, bool), OpenError> {
    let lock_path = beside(path, ".lock");
    let mut file = private_options()
        .create(true)
        .truncate(false)
        .open(&lock_path)
        .map_err(io_error("open the lock file", &lock_path))?;
    let taken = file.try_lock();
    let mut text = String::new();
    let _ = file.read_to_string(&mut text);
    match taken {
        Ok(()) => {}
        Err(fs::TryLockError::WouldBlock) => {
            return Err(OpenError::InUse {
                path: path.to_owned(),
                holder: holder(text.lines().next().unwrap_or_default()),
            });
        }
        Err(fs::TryLockError::Error(source)) => {
            return Err(io_error("lock", &lock_path)(source));
        }
    }
    restrict(&lock_path, 0o600)?;
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .map_err(io_error("write the lock file", &lock_path))?;
    Ok((Lock(file), text.ends_with(DOUBT)))
}

fn holder(pid: &str) -> String {
    let Ok(pid) = pid.parse::<u32>() else {
        return "another process".into();
    };
    match fs::read_to_string(format!("/proc/{pid}/comm")) {
        Ok(name) => format!("process {pid} ({})", name.trim().escape_debug()),
        Err(_) => format!("process {pid}"),
    }
}

/// Leaves word for the next start that writing has found the store damaged, in the lock
/// file, which that one reads. It works only for the process that has the lock.
pub fn doubt(path: &Path) {
    let file = OpenOptions::new().append(true).open(beside(path, ".lock"));
    let _ = file.and_then(|mut file| file.write_all(DOUBT.as_bytes()));
}
