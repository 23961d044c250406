//! The signals that ask for a stop.

#[cfg(unix)]
mod renewal;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[cfg(unix)]
use crate::tui;

/// Equal signals within this time are one: `timeout` sends its child one, and then one to all
/// of its group, and nobody who is in a hurry is that quick.
const ONE: Duration = Duration::from_millis(200);

/// Whether somebody here listens to them.
static HEARD: AtomicBool = AtomicBool::new(false);

/// Has signals that nobody here listens to, and which end the process, wait for a login that is
/// being renewed.
pub(super) fn wait_for_renewals() {
    #[cfg(unix)]
    renewal::watch();
}

/// SIGINT, SIGTERM, SIGHUP, and SIGQUIT while there is a screen; Ctrl-C elsewhere.
pub(super) struct Signals {
    last: Last,
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
        HEARD.store(true, Ordering::Relaxed);
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            // Read before the handlers below are there.
            let ignore_hangup = is_ignored(signal_hook::consts::SIGHUP);
            Ok(Self {
                last: Last::default(),
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
        Ok(Self {
            last: Last::default(),
        })
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
                let (which, is_key) = tokio::select! {
                    _ = interrupt.recv() => (Which::Interrupt, true),
                    _ = terminate.recv() => (Which::Terminate, false),
                    _ = hangup.recv(), if !self.ignore_hangup => (Which::Hangup, false),
                    _ = quit => (Which::Quit, true),
                };
                // The system tells all that run in the terminal of Ctrl-C, and an editor that
                // the screen has opened is the one that is meant.
                let is_for_another = is_key && tui::is_lent();
                if !is_for_another && self.last.is_another(which, Instant::now()) {
                    return;
                }
            }
        }
        #[cfg(not(unix))]
        loop {
            let _ = tokio::signal::ctrl_c().await;
            if self.last.is_another(Which::Interrupt, Instant::now()) {
                return;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "there is Ctrl-C only"))]
enum Which {
    Interrupt,
    Terminate,
    Hangup,
    Quit,
}

/// The last signal that counted.
#[derive(Debug, Default)]
struct Last(Option<(Which, Instant)>);

impl Last {
    /// Whether this one counts.
    fn is_another(&mut self, which: Which, now: Instant) -> bool {
        let is_same = |(last, at): (Which, Instant)| last == which && now.duration_since(at) < ONE;
        let is_another = !self.0.is_some_and(is_same);
        if is_another {
            self.0 = Some((which, now));
        }
        is_another
    }
}

/// Whether this process was started with that signal ignored, as far as the system tells: the
/// mask is in hex, and signal 1 its lowest bit.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_signals_within_a_moment_are_one() {
        let (mut last, start) = (Last::default(), Instant::now());
        let mut counts = |which, ms| last.is_another(which, start + Duration::from_millis(ms));
        assert!(counts(Which::Terminate, 0));
        assert!(!counts(Which::Terminate, 1));
        assert!(!counts(Which::Terminate, 199));
        assert!(counts(Which::Interrupt, 199), "another one");
        assert!(counts(Which::Terminate, 200));
        assert!(counts(Which::Terminate, 400));
    }
}
