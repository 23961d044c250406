//! Asking for what nobody else is to see.

use std::io::{self, Write as _};

use secrecy::SecretString;

use crate::delivery::escape_for_terminal;

/// Asks on the terminal, which shows nothing of what is typed. Ctrl-C and Ctrl-Z give it back
/// as it was, and after Ctrl-Z it is asked again.
///
/// # Errors
/// Where standard input cannot be read.
pub(super) fn ask_hidden(question: &str) -> io::Result<SecretString> {
    let mut text = String::new();
    let question = format!("{}: ", escape_for_terminal(question));
    let _hidden = Hidden::begin(&question);
    write!(io::stderr(), "{question}")?;
    io::stdin().read_line(&mut text)?;
    writeln!(io::stderr())?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

/// The terminal shows nothing that is typed, until this is dropped.
struct Hidden;

impl Hidden {
    fn begin(question: &str) -> Self {
        #[cfg(unix)]
        modes::hide(question);
        #[cfg(not(unix))]
        let _ = question;
        Self
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        modes::give_back_for_good();
    }
}

/// The modes of the terminal, which outlive the process that sets them.
#[cfg(unix)]
mod modes {
    use std::io::{self, Write as _};
    use std::sync::{Mutex, MutexGuard, Once, PoisonError};

    use rustix::io::Errno;
    use rustix::process::{getpgrp, getsid};
    use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
    use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
    use signal_hook::low_level::emulate_default_handler;

    /// What is asked while nothing is shown, and the modes from before.
    struct Asked {
        question: String,
        before: Termios,
    }

    static ASKED: Mutex<Option<Asked>> = Mutex::new(None);

    fn asked() -> MutexGuard<'static, Option<Asked>> {
        ASKED.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hide(question: &str) {
        let Ok(before) = tcgetattr(io::stdin()) else {
            return;
        };
        watch();
        let mut asked = asked();
        show_nothing(&before);
        *asked = Some(Asked {
            question: question.to_owned(),
            before,
        });
    }

    pub(super) fn give_back_for_good() {
        if let Some(was) = asked().take() {
            set(&was.before);
        }
    }

    fn show_nothing(before: &Termios) {
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO);
        set(&quiet);
    }

    fn set(modes: &Termios) {
        // A shell that has put this process in the background stops it here until `fg`.
        while tcsetattr(io::stdin(), OptionalActions::Now, modes) == Err(Errno::INTR) {}
    }

    /// Gives the terminal back before a signal ends or stops the process, and takes it again
    /// when it goes on: the shell has set modes of its own meanwhile, which show what is typed.
    fn watch() {
        static WATCH: Once = Once::new();
        // It stays for good: without it these signals would do nothing from then on. And one is
        // enough, however often is asked.
        WATCH.call_once(|| {
            let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP, SIGCONT];
            let Ok(mut signals) = signal_hook::iterator::Signals::new(signals) else {
                return;
            };
            std::thread::spawn(move || {
                for signal in signals.forever() {
                    match signal {
                        SIGCONT => ask_again(),
                        SIGTSTP if !can_stop() => {}
                        signal => {
                            give_back();
                            let _ = emulate_default_handler(signal);
                        }
                    }
                }
            });
        });
    }

    fn give_back() {
        if let Some(asked) = &*asked() {
            set(&asked.before);
            let _ = writeln!(io::stderr());
        }
    }

    fn ask_again() {
        if let Some(asked) = &*asked() {
            show_nothing(&asked.before);
            let _ = write!(io::stderr(), "{}", asked.question);
        }
    }

    /// Whether somebody is there to continue the process: with a terminal for it alone nobody
    /// is, and the system would not stop it either.
    fn can_stop() -> bool {
        getsid(None).is_ok_and(|session| session != getpgrp())
    }
}
