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
        if is_closed_pipe(&error) {
            self.left = true;
            return Ok(());
        }
        Err(error)
    }
}

/// The same error where it is not the reader's leaving, which has been heard already: a pipe
/// or socket that closed elsewhere is no success.
pub(super) fn of_others(error: anyhow::Error) -> anyhow::Error {
    if is_closed_pipe(&error) {
        return anyhow::anyhow!("{error:#}");
    }
    error
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|e| e.downcast_ref::<io::Error>());
    causes.any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipe_that_closed_elsewhere_stays_an_error() {
        let closed = || anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let gone = of_others(closed().context("the listener is gone"));
        assert!(!is_closed_pipe(&gone));
        assert_eq!(gone.to_string(), "the listener is gone: broken pipe");
        let mut audience = Audience::default();
        assert!(
            audience
                .heard(Err(anyhow::anyhow!("the disk is full")))
                .is_err()
        );
        assert!(!audience.has_left());
        assert!(audience.heard(Err(closed())).is_ok() && audience.has_left());
    }
}
