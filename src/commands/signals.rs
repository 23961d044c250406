//! The signals that ask for a stop.

#[cfg(unix)]
use crate::tui;

/// SIGINT, SIGTERM, SIGHUP, and SIGQUIT while there is a screen; Ctrl-C elsewhere.
pub(super) struct Signals {
    #[cfg(unix)]
    quit: Option<tokio::signal::unix::Signal>,
    #[cfg(unix)]
    streams: [tokio::signal::unix::Signal; 3],
    // `nohup` asks for that from the start, and listening to a signal would undo it.
    #[cfg(unix)]
    ignore_hangup: bool,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Read before the handlers below are there.
            let ignore_hangup = ignores_hangup();
            Ok(Self {
                quit: None,
                streams: [
                    signal(SignalKind::interrupt())?,
                    signal(SignalKind::terminate())?,
                    signal(SignalKind::hangup())?,
                ],
                ignore_hangup,
            })
        }
        #[cfg(not(unix))]
        Ok(Self {})
    }

    /// SIGQUIT asks for a stop too from now on. Without a screen it ends the process at once,
    /// as `Ctrl-\` is meant to; with one that would leave the terminal as the screen has it.
    pub(super) fn stop_at_quit(&mut self) -> std::io::Result<()> {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            self.quit = Some(signal(SignalKind::quit())?);
        }
        Ok(())
    }

    /// From now on: a terminal that is closed says so twice or more, by itself and through
    /// its shell, and nobody is in a hurry then.
    pub(super) fn ignore_hangup(&mut self) {
        #[cfg(unix)]
        {
            self.ignore_hangup = true;
        }
    }

    /// The next of them.
    pub(super) async fn next(&mut self) {
        #[cfg(unix)]
        {
            let [interrupt, terminate, hangup] = &mut self.streams;
            loop {
                let quit = async {
                    match &mut self.quit {
                        Some(quit) => quit.recv().await,
                        None => std::future::pending().await,
                    }
                };
                let is_key = tokio::select! {
                    _ = interrupt.recv() => true,
                    _ = terminate.recv() => false,
                    _ = hangup.recv(), if !self.ignore_hangup => false,
                    _ = quit => true,
                };
                // The system tells all that run in the terminal of Ctrl-C, and an editor that
                // the screen has opened is the one that is meant.
                if !(is_key && tui::is_lent()) {
                    return;
                }
            }
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// Whether this process was started with SIGHUP ignored, as far as the system tells: the
/// mask is in hex, and signal 1 its lowest bit.
#[cfg(unix)]
fn ignores_hangup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & 1 == 1)
}
