//! Files that several processes change: one after the other.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use crate::files;

/// Waits for its turn to change a file, and has it until what is returned is dropped. It is
/// not the file itself that is locked, since that is replaced.
pub(super) fn lock(path: &Path) -> io::Result<File> {
    files::create_parent(path).map_err(io::Error::other)?;
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
