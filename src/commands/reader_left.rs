//! Whether anyone still reads what is written.

use std::time::Duration;

/// Waits so long, or until whoever reads standard output has closed its end, and returns
/// whether that is so. A file has no other end; elsewhere than on Unix it is never told.
#[cfg(unix)]
pub(super) fn reader_left(wait: Duration) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let stdout = std::io::stdout();
    // Nothing is asked for: that the other end is gone is told in any case.
    let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
    let limit = Timespec {
        tv_sec: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
        tv_nsec: wait.subsec_nanos().into(),
    };
    match poll(&mut watched, Some(&limit)) {
        Ok(0) => false,
        Ok(_)
            if watched[0]
                .revents()
                .intersects(PollFlags::ERR | PollFlags::HUP) =>
        {
            true
        }
        // A system that cannot watch this kind of output says so at once.
        Ok(_) | Err(_) => {
            std::thread::sleep(wait);
            false
        }
    }
}

/// Does something as soon as whoever reads standard output has closed its end. A file has none,
/// and where the system cannot watch, nothing is done.
#[cfg(unix)]
pub(super) fn when_reader_left(then: impl FnOnce() + Send + 'static) {
    use rustix::event::{PollFd, PollFlags, poll};
    use rustix::io::Errno;
    let watching = move || {
        let stdout = std::io::stdout();
        // As above.
        let mut watched = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut watched, None) {
                Err(Errno::INTR) => {}
                Err(_) => return,
                Ok(_) => break,
            }
        }
        let told = watched[0].revents();
        if told.intersects(PollFlags::ERR | PollFlags::HUP) {
            then();
        }
    };
    // It waits as long as the process runs. Without a thread the next line tells.
    let _ = std::thread::Builder::new()
        .name("reader".into())
        .spawn(watching);
}

#[cfg(not(unix))]
pub(super) fn when_reader_left(_then: impl FnOnce() + Send + 'static) {}

#[cfg(not(unix))]
pub(super) fn reader_left(wait: Duration) -> bool {
    std::thread::sleep(wait);
    false
}
