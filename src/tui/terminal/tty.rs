//! The terminal as the system knows it: its modes, its size, and a way to write to it that
//! never waits.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::termios::{self, OptionalActions, QueueSelector, Termios};
use rustix::{process, stdio};

/// What a terminal that is waited for has room for at least, in bytes.
const ROOM: usize = 64;

/// The terminal that standard input and output are.
pub(super) struct Tty {
    out: OwnedFd,
    /// Whether `out` is a description of its own that never blocks. Standard output itself is
    /// shared with the shell, and must stay as the shell has it.
    own: bool,
    before: Termios,
}

impl Tty {
    /// Looks at the terminal and changes nothing.
    pub(super) fn open() -> io::Result<Self> {
        let before = termios::tcgetattr(stdio::stdin())?;
        termios::tcgetattr(stdio::stdout())?;
        let (out, own) = match opened() {
            Ok(file) => (file.into(), true),
            Err(_) => (stdio::stdout().try_clone_to_owned()?, false),
        };
        Ok(Self { out, own, before })
    }

    /// Every key comes at once and as it is; nothing is echoed.
    pub(super) fn raw(&self) -> io::Result<()> {
        let mut raw = self.before.clone();
        raw.make_raw();
        Ok(termios::tcsetattr(
            stdio::stdin(),
            OptionalActions::Now,
            &raw,
        )?)
    }

    /// The modes that it had; with `forget`, what was typed and not read is dropped.
    pub(super) fn as_before(&self, forget: bool) {
        // From the background that would stop this process, and the shell has set its own.
        if !Self::is_ours() {
            return;
        }
        if forget {
            let _ = termios::tcflush(stdio::stdin(), QueueSelector::IFlush);
        }
        // `Now`, since the others wait until everything written before was read.
        let _ = termios::tcsetattr(stdio::stdin(), OptionalActions::Now, &self.before);
    }

    /// Whether this process is in the foreground, where it may read and change modes.
    pub(super) fn is_ours() -> bool {
        // An error: it is not the controlling terminal, and nobody has a say.
        termios::tcgetpgrp(stdio::stdin()).map_or(true, |group| group == process::getpgrp())
    }

    /// Columns and rows; 80 and 24 where the terminal does not know.
    pub(super) fn size(&self) -> (u16, u16) {
        match termios::tcgetwinsize(&self.out) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Writes what there is room for now, and says how much that was; `WouldBlock` if none.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        if self.own {
            return Ok(rustix::io::write(&self.out, bytes)?);
        }
        if !self.wait(Some(Duration::ZERO))? {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let some = bytes.len().min(ROOM);
        Ok(rustix::io::write(&self.out, &bytes[..some])?)
    }

    /// Waits until there is room to write; false if there is none in time. An error means
    /// that the terminal is gone.
    pub(super) fn wait(&self, at_most: Option<Duration>) -> io::Result<bool> {
        let timeout = at_most.map(|time| Timespec {
            tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: time.subsec_nanos().into(),
        });
        let mut room = [PollFd::new(&self.out, PollFlags::OUT)];
        match poll(&mut room, timeout.as_ref()) {
            Err(rustix::io::Errno::INTR) => return Ok(true),
            waited => waited?,
        };
        let found = room[0].revents();
        if found.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(found.contains(PollFlags::OUT))
    }
}

/// The terminal opened once more. By its name it cannot always be (after `su` it is another
/// user's), by `/dev/tty` only where it is the controlling one; and macOS cannot wait for that.
fn opened() -> io::Result<File> {
    let out = stdio::stdout();
    let ours = process::getsid(None).ok();
    let is_ours = ours.is_some() && termios::tcgetsid(out.as_fd()).ok() == ours;
    let path = if is_ours && cfg!(target_os = "linux") {
        PathBuf::from("/dev/tty")
    } else {
        let name = termios::ttyname(out, Vec::new())?;
        PathBuf::from(name.to_string_lossy().as_ref())
    };
    OpenOptions::new()
        .write(true)
        .custom_flags((OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed())
        .open(path)
}
