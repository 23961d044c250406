//! Asking for what nobody else is to see.

use std::io::{self, Write as _};

use secrecy::SecretString;

use crate::delivery::escape_for_terminal;

/// Asks on the terminal, which shows nothing of what is typed. Ctrl-C gives it back as it was.
///
/// # Errors
/// Where standard input cannot be read.
pub(super) fn ask_hidden(question: &str) -> io::Result<SecretString> {
    let mut text = String::new();
    let _hidden = Hidden::begin();
    write!(io::stderr(), "{}: ", escape_for_terminal(question))?;
    io::stdin().read_line(&mut text)?;
    writeln!(io::stderr())?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n'])))
}

/// The terminal shows nothing that is typed, until this is dropped.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Hidden {
    #[cfg(unix)]
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            give_back_at_a_signal(before.clone());
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(&stdin, OptionalActions::Now, &quiet);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn begin() -> Self {
        Self {}
    }
}

/// Gives the terminal back before a signal such as that of Ctrl-C ends the process.
#[cfg(unix)]
fn give_back_at_a_signal(before: rustix::termios::Termios) {
    use rustix::termios::{OptionalActions, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    use std::sync::Once;
    static WATCH: Once = Once::new();
    // It stays for good: without it these signals would do nothing from then on. And one is
    // enough, however often is asked.
    WATCH.call_once(|| {
        let signals = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];
        let Ok(mut signals) = signal_hook::iterator::Signals::new(signals) else {
            return;
        };
        std::thread::spawn(move || {
            if let Some(signal) = signals.forever().next() {
                let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
                let _ = writeln!(io::stderr());
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        });
    });
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            use rustix::termios::{OptionalActions, tcsetattr};
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
