//! Signals that end a command which listens to none, while a login is renewed.

use std::io::{self, Write as _};
use std::sync::Once;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::{HEARD, Last, Which, is_ignored};
use crate::account;

/// How long a renewal is waited for: the API has 15 seconds to answer, and that is kept in no
/// time.
const PATIENCE: Duration = Duration::from_secs(16);

pub(super) fn watch() {
    static WATCH: Once = Once::new();
    // It stays for good: without it these signals would do nothing from then on.
    WATCH.call_once(|| {
        let signals = [SIGINT, SIGTERM, SIGHUP];
        let signals = signals.iter().filter(|signal| !is_ignored(**signal));
        if let Ok(signals) = Signals::new(signals) {
            std::thread::spawn(move || end(signals));
        }
    });
}

/// Ends the process at the first of them, or where a login is being renewed behind that, or at
/// the second.
fn end(mut signals: Signals) {
    let mut last = Last::default();
    let mut is_waiting = false;
    for signal in signals.forever() {
        let which = match signal {
            SIGINT => Which::Interrupt,
            SIGTERM => Which::Terminate,
            _ => Which::Hangup,
        };
        let counts = last.is_another(which, Instant::now());
        if HEARD.load(Ordering::Relaxed) || !counts {
            continue;
        }
        if is_waiting || !account::ends_behind_renewal() {
            let _ = emulate_default_handler(signal);
        }
        is_waiting = true;
        std::thread::spawn(move || {
            account::settle(PATIENCE);
            let _ = emulate_default_handler(signal);
        });
        // It may be closed.
        let _ = writeln!(
            io::stderr(),
            "waiting for the login that is being renewed; once more ends it now"
        );
    }
}
