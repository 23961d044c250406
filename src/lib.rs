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
pub mod sandbox;
pub mod store;
pub mod tui;
pub mod tunnel;
pub mod wire;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::Duration;

use commands::Outcome;

/// How long a login that is being renewed holds up the end, of a forced stop too: without an
/// end it would be lost.
const SETTLED_WITHIN: Duration = Duration::from_millis(1500);

/// Parses the arguments, the first of which is the program's name, runs the command and
/// returns the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    report::install_panic_hook();
    let args: Vec<OsString> = args.into_iter().collect();
    let cli = match cli::Cli::read(&args) {
        Ok(cli) => cli,
        Err(error) => return report::report_usage(&error, &args),
    };
    let again = commands::again(&cli);
    let mut json = commands::asks_for_json(&cli).unwrap_or(false);
    commands::start_log(cli.verbose, cli.log());
    let code = match commands::run(cli, &mut json) {
        _ if tui::terminal::panicked() => ExitCode::from(101),
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::No) => ExitCode::from(1),
        Err(error) => report::report(&error, json, &again),
    };
    account::settle(SETTLED_WITHIN);
    code
}
