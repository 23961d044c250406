//! The terminal on systems that are not Unix, as far as crossterm knows it. Writes may wait.

use std::io::{self, Write as _};
use std::time::Duration;

/// The terminal that standard input and output are.
pub(super) struct Tty;

impl Tty {
    /// The terminal; changes nothing.
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self)
    }

    /// Every key comes at once and as it is; nothing is echoed.
    pub(super) fn raw(&self) -> io::Result<()> {
        crossterm::terminal::enable_raw_mode()
    }

    /// The modes that it had.
    pub(super) fn as_before(&self, _forget: bool) {
        let _ = crossterm::terminal::disable_raw_mode();
    }

    /// There is no background.
    pub(super) fn is_ours() -> bool {
        true
    }

    /// Columns and rows.
    pub(super) fn size(&self) -> (u16, u16) {
        crossterm::terminal::size().unwrap_or((80, 24))
    }

    /// Writes everything.
    pub(super) fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()?;
        Ok(bytes.len())
    }

    /// There is always room, as far as one can tell.
    pub(super) fn wait(&self, _at_most: Option<Duration>) -> io::Result<bool> {
        Ok(true)
    }
}
