//! What comes from the terminal, read on a thread of its own.
//!
//! crossterm knows what the bytes mean, but its reader has two faults: at the end of a lost
//! terminal it reads for ever, and it cannot be stopped while a child has the terminal. So
//! this waits by itself, and asks crossterm only when there is something to read.

use std::io::{self, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crossterm::event::{self, Event, KeyEvent, KeyEventKind, MouseEvent};
use tokio::sync::mpsc::Sender;

use super::tty::Tty;

/// Something that came from the terminal or happened to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) enum Input {
    /// A key was pressed, or repeats. A stop that is asked for from outside (SIGTSTP) is
    /// `Ctrl-Z` too.
    Key(KeyEvent),
    /// Text was pasted.
    Paste(String),
    Mouse(MouseEvent),
    /// It has another size now.
    Resize,
    /// The process was stopped and goes on, maybe in the foreground now:
    /// [`take_back`](super::Terminal::take_back) is due.
    Continued,
    /// The terminal is gone. Nothing comes after this.
    Lost,
}

/// How long a look at what was read may take. With 0 crossterm looks at nothing.
const LOOK: Duration = Duration::from_millis(1);
/// How often it may be readable with nothing to read before it is taken for lost.
const EMPTY: u32 = 10;
/// How often to look whether the shell has put this process into the foreground: it says
/// nothing to one that was going on in the background.
#[cfg(unix)]
const FOREGROUND: rustix::event::Timespec = rustix::event::Timespec {
    tv_sec: 0,
    tv_nsec: 200_000_000,
};

/// Reads the keyboard until it is dropped.
pub(super) struct Keyboard {
    gate: Arc<Gate>,
    wake: io::PipeWriter,
}

#[derive(Default)]
struct Gate {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    order: Order,
    reading: bool,
}

/// What the reader is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Order {
    #[default]
    Read,
    Hold,
    /// To read, and to say so: this process was found in the background, where it may no
    /// longer be by now.
    Watch,
    End,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Keyboard {
    pub(super) fn start(to: Sender<Input>) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        let gate = Arc::new(Gate::default());
        let reader = Reader {
            gate: Arc::clone(&gate),
            woken,
            to,
        };
        std::thread::Builder::new()
            .name("keyboard".into())
            .spawn(move || reader.read_on())?;
        Ok(Self { gate, wake })
    }

    /// Stops reading. Returns when nothing is read any more; or after a moment, if half of an
    /// escape sequence came and the rest is waited for.
    pub(super) fn hold(&self) {
        let mut state = self.gate.lock();
        state.order = Order::Hold;
        let moment = Duration::from_millis(200);
        let changed = &self.gate.changed;
        drop(changed.wait_timeout_while(state, moment, |state| state.reading));
        self.look();
    }

    /// Reads again.
    pub(super) fn go_on(&self) {
        self.order(Order::Read);
    }

    /// This process is in the background: [`Input::Continued`] comes when it no longer is.
    pub(super) fn watch(&self) {
        self.order(Order::Watch);
    }

    fn order(&self, order: Order) {
        self.gate.lock().order = order;
        self.look();
    }

    fn look(&self) {
        let _ = (&self.wake).write(b"!");
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        self.order(Order::End);
    }
}

/// What a wait found.
enum Found {
    Readable,
    Woken,
    Lost,
}

struct Reader {
    gate: Arc<Gate>,
    #[cfg_attr(not(unix), allow(dead_code))]
    woken: io::PipeReader,
    to: Sender<Input>,
}

impl Reader {
    fn read_on(mut self) {
        let (mut empty, mut was_behind) = (0, false);
        loop {
            let mut state = self.gate.lock();
            let held = match state.order {
                Order::End => return,
                Order::Hold => true,
                Order::Read => false,
                Order::Watch => {
                    state.order = Order::Read;
                    was_behind = true;
                    false
                }
            };
            drop(state);
            // From the background, to read stops the process.
            let behind = !held && !Tty::is_ours();
            if was_behind && !held && !behind && self.to.blocking_send(Input::Continued).is_err() {
                return;
            }
            was_behind = behind;
            match self.wait(held, behind) {
                Found::Woken => {}
                Found::Lost => break,
                Found::Readable => match self.read() {
                    Err(_) => break,
                    Ok(0) => {
                        empty += 1;
                        if empty == EMPTY {
                            break;
                        }
                    }
                    Ok(_) => empty = 0,
                },
            }
        }
        let _ = self.to.blocking_send(Input::Lost);
    }

    /// Reads all that is there, unless it is held; says how much that was.
    fn read(&self) -> io::Result<usize> {
        let mut count = 0;
        loop {
            let mut state = self.gate.lock();
            if state.order != Order::Read || !Tty::is_ours() {
                return Ok(count.max(1));
            }
            state.reading = true;
            drop(state);
            let event = next();
            self.gate.lock().reading = false;
            self.gate.changed.notify_all();
            let Some(event) = event? else {
                return Ok(count);
            };
            count += 1;
            if let Some(input) = input(event)
                && self.to.blocking_send(input).is_err()
            {
                // Nobody listens: the screen is about to end, and this with it.
                self.gate.lock().order = Order::End;
                return Ok(count);
            }
        }
    }

    #[cfg(unix)]
    fn wait(&mut self, held: bool, behind: bool) -> Found {
        use std::io::Read as _;

        use rustix::event::{PollFd, PollFlags, poll};

        let stdin = rustix::stdio::stdin();
        let keys = if held || behind {
            PollFlags::empty()
        } else {
            PollFlags::IN
        };
        let mut both = [
            PollFd::new(&stdin, keys),
            PollFd::new(&self.woken, PollFlags::IN),
        ];
        match poll(&mut both, behind.then_some(&FOREGROUND)) {
            Err(rustix::io::Errno::INTR) => return Found::Woken,
            Err(_) => return Found::Lost,
            Ok(_) => {}
        }
        let (keys, wake) = (both[0].revents(), both[1].revents());
        if keys.intersects(PollFlags::HUP | PollFlags::ERR | PollFlags::NVAL) {
            return Found::Lost;
        }
        if wake.contains(PollFlags::IN) {
            let _ = self.woken.read(&mut [0; 64]);
            return Found::Woken;
        }
        if keys.contains(PollFlags::IN) {
            Found::Readable
        } else {
            Found::Woken
        }
    }

    #[cfg(not(unix))]
    fn wait(&mut self, held: bool, _behind: bool) -> Found {
        let turn = Duration::from_millis(50);
        if held {
            std::thread::sleep(turn);
            return Found::Woken;
        }
        match event::poll(turn) {
            Ok(true) => Found::Readable,
            Ok(false) => Found::Woken,
            Err(_) => Found::Lost,
        }
    }
}

/// The next of what crossterm has read; `None` if there is nothing more.
fn next() -> io::Result<Option<Event>> {
    match event::poll(LOOK) {
        Ok(false) => Ok(None),
        Ok(true) => event::read().map(Some),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(None),
        Err(error) => Err(error),
    }
}

fn input(event: Event) -> Option<Input> {
    match event {
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) => Some(Input::Key(key)),
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Mouse(mouse) => Some(Input::Mouse(mouse)),
        // Elsewhere it is the signal that says so, whatever the keyboard does.
        Event::Resize(..) if cfg!(not(unix)) => Some(Input::Resize),
        Event::Resize(..) | Event::FocusGained | Event::FocusLost => None,
    }
}
