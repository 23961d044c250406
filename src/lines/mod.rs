//! The face for scripts, pipes and plain terminals: a line for everything that
//! happens, for people or as JSON.
//!
//! It runs on a thread of its own, since writing to a pipe blocks for as long as its
//! reader likes. A reader that falls behind loses nothing that the ring still has: the
//! thread takes a new snapshot and goes on from what it printed last.

mod block;
mod human;
#[cfg(test)]
mod tests;
mod writer;

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;

use crate::config::{Color, OutputSettings};
use crate::delivery::{Counts, Tunnel};
use crate::store::Store;
use crate::wire::{Object, Ready};
pub use block::Block;
use human::Human;
pub use human::{farewell, warning as warn};
use writer::Writer;

/// How the face writes.
#[derive(Debug)]
enum Style {
    Json,
    Human(Human),
}

/// Whether to colour what goes to this stream.
pub fn coloured(color: Color, terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
            terminal
                && !set("NO_COLOR")
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    }
}

/// The thread that writes.
#[derive(Debug)]
pub struct Lines {
    thread: Option<JoinHandle<io::Result<()>>>,
    terminal: bool,
    written: Arc<AtomicU64>,
}

/// A reader that takes nothing for so long has stopped reading. The longer time allows for
/// a machine that is busy; the shorter one is for a stop that has taken long already.
const STALLED: [Duration; 2] = [Duration::from_millis(500), Duration::from_millis(1500)];

/// What is wrong with a pipe whose lines nobody takes.
const UNREAD: &str = "nobody took the last lines in time";

/// Prints the start-up block or the `ready` object, and nothing if that is all that
/// standard output is for.
///
/// # Errors
/// Where standard output is closed.
pub fn announce(output: OutputSettings, block: &Block, ready: Ready<'_>) -> io::Result<()> {
    if output.json {
        let mut out = io::stdout().lock();
        Object::Ready(ready).write_line(&mut out)?;
        out.flush()?;
    }
    let mut err = io::stderr().lock();
    let colour = coloured(output.color, err.is_terminal());
    // Standard error may be closed; the listener works all the same.
    let _ = block.write(&mut err, colour, output.quiet || output.json);
    Ok(())
}

/// Starts the thread, for a listener that knows so many secrets, and of whose tunnel people
/// have been told as much as `tunnel` says. `closed` is cancelled when nobody reads standard
/// output any more.
///
/// # Errors
/// Where the operating system gives no thread.
pub fn start(
    store: &Store,
    output: OutputSettings,
    secrets: usize,
    tunnel: Option<Arc<Tunnel>>,
    closed: CancellationToken,
) -> io::Result<Lines> {
    let mut lines = Lines {
        thread: None,
        terminal: io::stdout().is_terminal(),
        written: Arc::default(),
    };
    if output.quiet {
        return Ok(lines);
    }
    let style = if output.json {
        Style::Json
    } else {
        Style::Human(Human::new(
            coloured(output.color, lines.terminal),
            secrets > 1,
        ))
    };
    let (snapshot, notices) = store.subscribe();
    let mut writer = Writer {
        style,
        store: store.clone(),
        last_delivery: snapshot.kept.last().map_or(0, |k| k.delivery.id),
        pending: HashMap::new(),
        // The `ready` object tells programs less than all of it.
        tunnel: tunnel.filter(|_| !output.json),
        registered: if output.json {
            Vec::new()
        } else {
            snapshot.registrations.to_vec()
        },
        written: Arc::clone(&lines.written),
    };
    let (first, registered) = (snapshot.tunnel, snapshot.registrations);
    let thread = std::thread::Builder::new()
        .name("lines".into())
        .spawn(move || {
            let written = writer.run(first, &registered, notices);
            if written.is_err() {
                closed.cancel();
            }
            written
        })?;
    lines.thread = Some(thread);
    Ok(lines)
}

impl Lines {
    /// Waits until everything that was published before has been written, for a reader
    /// that goes on reading until `deadline`. Call it after the last notice.
    ///
    /// # Errors
    /// Where something could not be written, or was not taken by then.
    pub fn finish(
        self,
        output: OutputSettings,
        counts: Counts,
        store: &Store,
        deadline: Instant,
    ) -> io::Result<()> {
        let (done, finished) = mpsc::channel();
        let thread = self.thread;
        // Marks the end of the stream for the thread.
        store.end_notices();
        std::thread::spawn(move || {
            let mut written = thread.map_or(Ok(()), |thread| thread.join().unwrap_or(Ok(())));
            if output.json && written.is_ok() {
                let mut out = io::stdout().lock();
                written = Object::from(&counts)
                    .write_line(&mut out)
                    .and_then(|()| out.flush());
            } else if !output.json && !output.quiet {
                let _ = human::farewell(&mut io::stderr().lock(), &counts);
            }
            let _ = done.send(written);
        });
        // A reader that has stopped reading must not keep the process alive.
        let mut seen = self.written.load(Ordering::Relaxed);
        let written = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match finished.recv_timeout(left.clamp(STALLED[0], STALLED[1])) {
                Ok(written) => break written,
                Err(RecvTimeoutError::Disconnected) => break Ok(()),
                Err(RecvTimeoutError::Timeout) => {
                    let before = seen;
                    seen = self.written.load(Ordering::Relaxed);
                    if seen == before || Instant::now() >= deadline {
                        break Err(io::Error::new(io::ErrorKind::TimedOut, UNREAD));
                    }
                }
            }
        };
        // A terminal that was closed fails in ways of its own; nobody is there to be told.
        if self.terminal { Ok(()) } else { written }
    }
}
