//! cmhook receives Cakemail webhooks on a developer's machine: it verifies each
//! signature, keeps every delivery byte for byte, forwards it to an app, and says why
//! when something fails.
//!
//! This library is what the `cmhook` command is made of. Modules import downwards only;
//! `tests/architecture.rs` holds the floors.

pub mod account;
pub mod cakemail;
pub mod capture;
pub mod check;
pub mod cli;
pub mod commands;
pub mod compare;
pub mod config;
pub mod delivery;
pub mod export;
pub mod files;
pub mod filter;
pub mod http;
pub mod inspector;
pub mod lines;
pub mod link;
pub mod payload;
pub mod relay;
pub mod report;
pub mod store;
pub mod tui;
pub mod tunnel;
pub mod wire;

use std::ffi::OsString;
use std::process::ExitCode;

use cli::LogArg;
use commands::Outcome;

/// Parses the arguments, the first of which is the program's name, runs the command and
/// returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    report::install_panic_hook();
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::Cli::read(&args) {
        Ok(cli) => cli,
        Err(error) => return report::report_usage(&error, &args),
    };
    let mut json = commands::asks_for_json(&cli).unwrap_or(false);
    start_log(cli.verbose, cli.log());
    match commands::run(cli, &mut json) {
        _ if tui::terminal::panicked() => ExitCode::from(101),
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(error) => report::report(&error, json),
    }
}

/// Logs to standard error, if it was asked for: `-v` cmhook's own steps, `-vv` those of
/// its libraries too. `CMHOOK_LOG` takes a filter in their place. A relay always logs.
fn start_log(verbose: u8, server: Option<LogArg>) {
    use tracing_subscriber::EnvFilter;
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
