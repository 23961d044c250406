//! What a process takes of the machine, as the kernel tells it.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags};

/// Only a failing test ever waits for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// 1 MiB.
pub const MIB: usize = 1 << 20;

/// Bytes of memory that are resident now.
pub fn resident(pid: u32) -> usize {
    status(pid, "VmRSS:")
}

/// The most bytes that were resident since [`forget_peak`].
pub fn peak(pid: u32) -> usize {
    status(pid, "VmHWM:")
}

/// Begins anew with [`peak`].
pub fn forget_peak(pid: u32) {
    fs::write(format!("/proc/{pid}/clear_refs"), "5").expect("the process is ours");
}

fn status(pid: u32, field: &str) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("it is running");
    let line = status.lines().find_map(|line| line.strip_prefix(field));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.expect("a number of KiB") << 10
}

/// Open descriptors.
pub fn descriptors(pid: u32) -> usize {
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it is running");
    open.count()
}

/// How many descriptors this process may open, which it raises as far as it can.
pub fn own_limit() -> usize {
    let limit = rlimit::increase_nofile_limit(u64::MAX).expect("a limit");
    usize::try_from(limit).unwrap_or(usize::MAX)
}

/// Waits until `is` holds.
#[track_caller]
pub fn eventually(what: &str, mut is: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The first column of every row that `query` finds in the store.
pub fn rows(store: &Path, query: &str) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let db = Connection::open_with_flags(store, flags).expect("a store");
    let mut query = db.prepare(query).expect("a query");
    let rows = query.query_map([], |row| row.get(0)).expect("rows");
    rows.collect::<Result<_, _>>().expect("text")
}

/// The files of a store, in bytes together.
pub fn on_disk(store: &Path) -> u64 {
    let folder = fs::read_dir(store.parent().expect("a folder")).expect("a folder");
    let sizes = folder.flatten().filter_map(|file| file.metadata().ok());
    sizes.map(|file| file.len()).sum()
}

/// The value that 99 of 100 are not over.
pub fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    let at = (times.len() * 99).div_ceil(100).max(1) - 1;
    times.get(at).copied().unwrap_or_default()
}
