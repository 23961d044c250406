//! The screen: what is delivered, as it comes in, with all that can be done with it.
//!
//! `Model` is what is known and how it is looked at, `update` changes it by what happens and
//! says what is to be done, `view` draws it. Nothing in here owns a truth: deliveries are the
//! store's, and what is done is done by the same parts that serve senders.

mod about;
mod content;
mod detail;
mod dialog;
mod keys;
mod layout;
mod line_input;
mod list;
mod model;
mod msg;
mod prompt;
mod run;
mod status;
pub mod terminal;
mod text;
mod update;
mod view;
mod work;
mod wrap;

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::capture::again::Again;
use crate::capture::intake::Intake;
use crate::capture::reach::Reach;
pub use about::{About, Page};
use run::{Screen, Sources};
use terminal::Terminal;
use work::Worker;

/// Keys that may wait for the screen.
const INPUTS: usize = 256;

/// What the screen shows and acts through.
#[derive(Debug)]
pub struct Parts {
    /// The listener's own.
    pub again: Again,
    /// The listener's own.
    pub intake: Arc<Intake>,
    /// Whether the target can be reached.
    pub reach: tokio::sync::watch::Receiver<Reach>,
    /// Cancelled when the listener stops: the screen closes then.
    pub stop: CancellationToken,
    /// Cancelled by the screen when the user quits or the terminal is gone.
    pub closed: CancellationToken,
}

/// An open screen.
#[derive(Debug)]
pub struct Tui {
    thread: JoinHandle<()>,
}

/// Takes the terminal and opens the screen, on a thread of its own. Call it on the
/// listener's runtime.
///
/// # Errors
/// Where the terminal cannot be used; it is as it was then.
pub fn open(about: About, parts: Parts) -> io::Result<Tui> {
    let runtime = tokio::runtime::Handle::current();
    let own = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let mut terminal = Terminal::take(true)?;
    let (to, inputs) = mpsc::channel(INPUTS);
    terminal.read(to)?;
    let (tell, results) = mpsc::unbounded_channel();
    let Parts {
        again,
        intake,
        reach,
        stop,
        closed,
    } = parts;
    let sources = Sources {
        inputs,
        results,
        reach,
        changes: again.controls().changed(),
        stop,
    };
    let worker = Worker::new(again, intake, runtime, tell, &about);
    let screen = Screen::new(terminal, worker, sources, about);
    let thread = std::thread::Builder::new()
        .name("screen".into())
        .spawn(move || {
            // However the screen ends, the listener must not go on unseen.
            let _closed = closed.drop_guard();
            own.block_on(screen.run());
        })?;
    Ok(Tui { thread })
}

/// Whether an editor has the terminal, or had it a moment ago.
pub fn is_lent() -> bool {
    work::editor::is_open()
}

impl Tui {
    /// Waits until the terminal is the user's again.
    pub fn wait(self) {
        // One that panicked has said so.
        let _ = self.thread.join();
    }
}
