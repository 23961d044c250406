//! A small file system that can be filled.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::needs::{needs, works};

/// A file system of its own that only that process sees, below `disk` in its folder; its argument is the size.
pub const OWN_DISK: &str = "mount -t tmpfs -o size=\"$0\" tmpfs disk && exec \"$@\"";

/// `sh -c SCRIPT` where mounts are private.
pub fn private(script: &str, argument: &str) -> Command {
    let mut command = Command::new("unshare");
    if !is_root() {
        command.arg("--map-root-user");
    }
    command.args(["--mount", "sh", "-c", script, argument]);
    command
}

pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt as _;
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

pub fn can_mount() -> bool {
    needs(
        works(&mut private("mount -t tmpfs tmpfs /mnt", "")),
        "`unshare --mount` and the right to mount a tmpfs",
    )
}

/// Fills a disk to its last byte with a file.
#[track_caller]
pub fn fill(disk: &Path) {
    use std::io::Write as _;
    let mut ballast = fs::File::create(disk.join("ballast")).expect("a file");
    for size in [64 << 10, 4096, 1] {
        while ballast.write_all(&vec![1; size]).is_ok() {}
    }
    assert_eq!(
        fs::write(disk.join("probe"), [1; 4096]).map_err(|error| error.kind()),
        Err(std::io::ErrorKind::StorageFull)
    );
    let _ = fs::remove_file(disk.join("probe"));
}

#[track_caller]
pub fn free(disk: &Path) {
    fs::remove_file(disk.join("ballast")).expect("the disk was filled");
}

/// The disk of that process, which was started in that folder.
pub fn seen_by(process: u32, home: &Path) -> PathBuf {
    let root = PathBuf::from(format!("/proc/{process}/root"));
    let path = home.canonicalize().expect("a folder");
    root.join(path.strip_prefix("/").expect("an absolute path"))
        .join("disk")
}
