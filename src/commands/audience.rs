//! Whoever reads standard output, and may leave before a command is done with its work.

use std::io;

/// Whether anybody still reads.
#[derive(Debug, Default)]
pub(super) struct Audience {
    left: bool,
}

impl Audience {
    /// Whether it has left: nothing more is written for it then.
    pub(super) const fn has_left(&self) -> bool {
        self.left
    }

    /// What came of writing for it. That it has left ends nothing: what is done and how it
    /// turns out is not for the reader alone.
    ///
    /// # Errors
    /// All but a closed pipe.
    pub(super) fn heard(&mut self, written: anyhow::Result<()>) -> anyhow::Result<()> {
        let Err(error) = written else {
            return Ok(());
        };
        let mut causes = error.chain().filter_map(|e| e.downcast_ref::<io::Error>());
        if causes.any(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            self.left = true;
            return Ok(());
        }
        Err(error)
    }
}
