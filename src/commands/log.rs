//! cmhook's own log.

use tracing_subscriber::EnvFilter;

use crate::cli::LogArg;

/// Logs to standard error, if it was asked for: `-v` cmhook's own steps, `-vv` those of
/// its libraries too. `CMHOOK_LOG` takes a filter in their place. A relay always logs.
pub fn start_log(verbose: u8, server: Option<LogArg>) {
    let filter = match (EnvFilter::try_from_env("CMHOOK_LOG"), verbose) {
        (Ok(filter), _) => filter,
        (Err(_), 0) if server.is_some() => EnvFilter::new("cmhook=info"),
        (Err(_), 0) => return,
        (Err(_), 1) => EnvFilter::new("cmhook=debug"),
        (Err(_), _) => EnvFilter::new("trace"),
    };
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        // Without colour, wherever it goes: what is in it may be a stranger's.
        .with_ansi(false)
        .with_target(verbose > 1)
        // It would be said on standard error, which is what cannot be written, and panic.
        .log_internal_errors(false);
    if server == Some(LogArg::Json) {
        log.json().flatten_event(true).init();
    } else {
        log.init();
    }
}
