//! The signals that a terminal sends to those on it: another size, stop, go on.

use std::io::{self, Read as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use rustix::process;
use signal_hook::consts::{SIGCONT, SIGTSTP, SIGWINCH};
use signal_hook::{flag, low_level};
use tokio::sync::mpsc::Sender;

use super::input::Input;

type Flag = Arc<AtomicBool>;

/// Listens to these signals on a thread of its own, which ends when nobody wants to know.
///
/// The handlers stay for good, as signals know no owner. Once it is dropped SIGTSTP does what
/// it does by default.
pub(super) struct Signals {
    /// SIGTSTP stops this process from within its handler: somebody else has the terminal,
    /// and may have the loop of the screen wait for it.
    stops: Flag,
    /// It came, and the stop is over if there was one.
    stopped: Flag,
    seen: Seen,
}

#[derive(Clone, Default)]
struct Seen {
    resized: Flag,
    continued: Flag,
    /// A stop is asked for while the terminal is ours.
    asked: Flag,
    /// Nobody asks for it: the terminal is not.
    aside: Flag,
}

impl Signals {
    pub(super) fn start(to: Sender<Input>) -> io::Result<Self> {
        let (woken, wake) = io::pipe()?;
        let signals = Self {
            stops: Flag::default(),
            stopped: Flag::default(),
            seen: Seen::default(),
        };
        let seen = &signals.seen;
        // In this order they are carried out: a flag is set once the stop is over.
        flag::register_conditional_default(SIGTSTP, Arc::clone(&signals.stops))?;
        flag::register(SIGTSTP, Arc::clone(&seen.asked))?;
        flag::register(SIGTSTP, Arc::clone(&signals.stopped))?;
        flag::register(SIGWINCH, Arc::clone(&seen.resized))?;
        flag::register(SIGCONT, Arc::clone(&seen.continued))?;
        for signal in [SIGTSTP, SIGWINCH, SIGCONT] {
            low_level::pipe::register(signal, wake.try_clone()?)?;
        }
        let seen = seen.clone();
        std::thread::Builder::new()
            .name("signals".into())
            .spawn(move || seen.tell(woken, &to))?;
        Ok(signals)
    }

    /// Somebody else has the terminal from now on.
    pub(super) fn aside(&self) {
        self.seen.aside.store(true, SeqCst);
        self.stops.store(can_stop(), SeqCst);
    }

    /// The terminal is ours again; what was asked for in between is done.
    pub(super) fn back(&self) {
        self.stops.store(false, SeqCst);
        self.seen.asked.store(false, SeqCst);
        self.seen.aside.store(false, SeqCst);
    }

    /// Stops the process with its group, as the shell expects it from those on its terminal,
    /// and returns when it goes on. Only if it [`can_stop`], and between [`Signals::aside`] and
    /// [`Signals::back`].
    pub(super) fn stop(&self) {
        self.stopped.store(false, SeqCst);
        if process::kill_current_process_group(process::Signal::TSTP).is_err() {
            return;
        }
        // It may be handled on any thread, and a moment later.
        while !self.stopped.load(SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.aside();
    }
}

impl Seen {
    fn tell(&self, mut woken: io::PipeReader, to: &Sender<Input>) {
        // An error cannot be: there is always one who could write.
        while woken.read(&mut [0; 64]).is_ok() {
            let took = |flag: &Flag| flag.swap(false, SeqCst);
            let control_z = KeyEvent::new(KeyCode::Char('z'), KeyModifiers::CONTROL);
            let stop = !self.aside.load(SeqCst) && took(&self.asked);
            let news = [
                stop.then_some(Input::Key(control_z)),
                took(&self.resized).then_some(Input::Resize),
                took(&self.continued).then_some(Input::Continued),
            ];
            for input in news.into_iter().flatten() {
                if to.blocking_send(input).is_err() {
                    return;
                }
            }
        }
    }
}

/// Whether somebody could have this process go on: a shell, which has its jobs in groups of
/// their own. In the group of the session's leader nobody does, and the system would not stop
/// it either.
pub(super) fn can_stop() -> bool {
    process::getsid(None).is_ok_and(|session| session != process::getpgrp())
}
