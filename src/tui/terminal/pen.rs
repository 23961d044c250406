//! The pen: a thread that writes to the terminal, which may not read for as long as it likes.
//!
//! It writes under a lock what there is room for, and waits for room without it. So whoever
//! takes the pen away (the end of the process, a panic) has not to wait for the terminal.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use super::tty::Tty;

/// How long a terminal that does not read is waited for when it is given back.
const PATIENCE: Duration = Duration::from_millis(400);

/// The alternate screen. Apart from the modes, since to enter it twice would lose where the
/// cursor was on the main one.
const ENTER: &[u8] = b"\x1b[?1049h";
/// Cursor hidden; pastes told from keys; bidirectional text left as it is sent (ECMA-48 BDSM),
/// so that columns stay columns.
const MODES: &[u8] = b"\x1b[?25l\x1b[?2004h\x1b[8l";
/// Presses, drags and the wheel, with columns beyond 223; but not every movement.
const MOUSE_ON: &[u8] = b"\x1b[?1000h\x1b[?1002h\x1b[?1006h";
const MOUSE_OFF: &[u8] = b"\x1b[?1006l\x1b[?1002l\x1b[?1000l";
/// All of it undone. It begins with the end of an update, because a frame may have been cut.
const LEAVE: &[u8] =
    b"\x1b[?2026l\x1b[0m\x1b[?1006l\x1b[?1002l\x1b[?1000l\x1b[?2004l\x1b[8h\x1b[?1049l\x1b[?25h";
/// What is between these appears at once, where the terminal knows them.
const UPDATE: (&[u8], &[u8]) = (b"\x1b[?2026h", b"\x1b[?2026l");

pub(super) struct Pen {
    pub(super) tty: Tty,
    desk: Mutex<Desk>,
    work: Condvar,
    idle: Notify,
}

#[derive(Default)]
struct Desk {
    /// What is to be written, and how much of it was.
    bytes: Vec<u8>,
    written: usize,
    /// The terminal is this process's to write to.
    open: bool,
    mouse: bool,
    /// The terminal is gone.
    broken: Option<io::ErrorKind>,
    ended: bool,
}

impl Desk {
    fn is_clear(&self) -> bool {
        self.bytes.is_empty()
    }

    fn clear(&mut self) {
        self.bytes = Vec::new();
        self.written = 0;
    }
}

impl Pen {
    /// A pen with its thread, which ends with [`Pen::end`].
    pub(super) fn start(tty: Tty, mouse: bool) -> io::Result<Arc<Self>> {
        let pen = Arc::new(Self {
            tty,
            desk: Mutex::new(Desk {
                mouse,
                ..Desk::default()
            }),
            work: Condvar::new(),
            idle: Notify::new(),
        });
        let writer = Arc::clone(&pen);
        std::thread::Builder::new()
            .name("pen".into())
            .spawn(move || writer.write_on())?;
        Ok(pen)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the terminal, or makes sure of its modes if it is taken.
    pub(super) fn enter(&self) -> io::Result<()> {
        self.tty.raw()?;
        let mut desk = self.desk();
        let parts = if desk.open {
            [MODES, &[]]
        } else {
            [ENTER, MODES]
        };
        desk.open = true;
        desk.bytes.extend(parts.into_iter().flatten());
        if desk.mouse {
            desk.bytes.extend(MOUSE_ON);
        }
        drop(desk);
        self.work.notify_all();
        Ok(())
    }

    /// Writes nothing any more, not even the rest of what is under way.
    pub(super) fn drop_it(&self) {
        let mut desk = self.desk();
        desk.open = false;
        desk.clear();
    }

    /// Gives the terminal back: its modes first, which needs no waiting, then what it shows.
    pub(super) fn leave(&self) {
        self.drop_it();
        let mouse = self.desk().mouse;
        // Reports of the mouse that are under way would be typed into the shell.
        self.tty.as_before(mouse);
        let deadline = Instant::now() + PATIENCE;
        let mut rest = LEAVE;
        while !rest.is_empty() {
            match self.tty.write(rest) {
                Ok(written) => rest = &rest[written..],
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() || self.tty.wait(Some(left)).is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Whether a frame can be drawn now; an error once the terminal is gone.
    pub(super) fn is_idle(&self) -> io::Result<bool> {
        let desk = self.desk();
        match desk.broken {
            Some(kind) => Err(kind.into()),
            None => Ok(desk.open && desk.is_clear()),
        }
    }

    /// Waits until a frame can be drawn, or the terminal is gone.
    pub(super) async fn idle(&self) {
        loop {
            let change = self.idle.notified();
            if self.is_idle().unwrap_or(true) {
                return;
            }
            change.await;
        }
    }

    /// Writes a frame after what is under way.
    pub(super) fn frame(&self, bytes: &[u8]) {
        self.add(&[UPDATE.0, bytes, UPDATE.1]);
    }

    /// Writes this after what is under way.
    pub(super) fn send(&self, bytes: &[u8]) {
        self.add(&[bytes]);
    }

    pub(super) fn mouse(&self, on: bool) {
        self.desk().mouse = on;
        self.add(&[if on { MOUSE_ON } else { MOUSE_OFF }]);
    }

    fn add(&self, parts: &[&[u8]]) {
        let mut desk = self.desk();
        if desk.open && desk.broken.is_none() {
            desk.bytes.extend(parts.iter().copied().flatten());
            drop(desk);
            self.work.notify_all();
        }
    }

    /// Ends the thread, unless it waits for the terminal: then it ends with the process.
    pub(super) fn end(&self) {
        self.desk().ended = true;
        self.work.notify_all();
    }

    fn write_on(&self) {
        let mut desk = self.desk();
        loop {
            while desk.is_clear() {
                if desk.ended {
                    return;
                }
                let woken = self.work.wait(desk);
                desk = woken.unwrap_or_else(PoisonError::into_inner);
            }
            let result = self.tty.write(&desk.bytes[desk.written..]);
            let result = match result {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    drop(desk);
                    let waited = self.tty.wait(None);
                    desk = self.desk();
                    waited.map(|_| 0)
                }
                other => other,
            };
            match result {
                // What was there may have been dropped during the wait.
                Ok(written) => desk.written = (desk.written + written).min(desk.bytes.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    desk.broken = Some(error.kind());
                    desk.clear();
                }
            }
            if desk.written == desk.bytes.len() {
                desk.clear();
                self.idle.notify_waiters();
            }
        }
    }
}
