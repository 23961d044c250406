//! From an error to a message, a hint and an exit code; the only place that does so.

use std::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::capture::listener::ListenError;
use crate::commands::listen::StartError;
use crate::config::ConfigError;
use crate::delivery::escape_for_terminal;
use crate::store::OpenError;
use crate::wire::{Message, Object};

/// It could not start or do its work.
const FAILED: u8 = 1;
/// A mistake in flags or configuration.
const USAGE: u8 = 2;

struct Problem {
    code: &'static str,
    exit: u8,
    hint: String,
}

/// Prints what went wrong to standard error, and with `json` as an object to standard
/// output too, and returns the exit code. A closed pipe is no error.
pub fn report(error: &anyhow::Error, json: bool) -> ExitCode {
    if error
        .chain()
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    let problem = classify(error);
    let message = format!("{error:#}");
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "error: {}", escape_for_terminal(&message));
    if !problem.hint.is_empty() {
        let _ = writeln!(err, " hint: {}", escape_for_terminal(&problem.hint));
    }
    if json {
        let object = Object::Error(Message {
            code: problem.code,
            message: &message,
            hint: &problem.hint,
        });
        let _ = writeln!(io::stdout().lock(), "{}", object.to_line());
    }
    ExitCode::from(problem.exit)
}

fn classify(error: &anyhow::Error) -> Problem {
    let problem = |code, exit, hint: &str| Problem {
        code,
        exit,
        hint: hint.to_owned(),
    };
    for cause in error.chain() {
        if let Some(found) = cause.downcast_ref::<ConfigError>() {
            return problem("usage", USAGE, &found.hint);
        }
        if let Some(found) = cause.downcast_ref::<ListenError>() {
            return match found {
                ListenError::InUse { .. } => problem(
                    "port_in_use",
                    FAILED,
                    "stop what uses it, or listen elsewhere with `--listen PORT` (0 picks a free one)",
                ),
                _ => problem(
                    "listen",
                    FAILED,
                    "choose another address with `--listen ADDR`",
                ),
            };
        }
        if let Some(found) = cause.downcast_ref::<OpenError>() {
            return of_store(found);
        }
        if let Some(found) = cause.downcast_ref::<StartError>() {
            return problem(found.code(), found.exit(), found.hint());
        }
    }
    problem("internal", FAILED, "")
}

fn of_store(error: &OpenError) -> Problem {
    let (code, hint) = match error {
        OpenError::InUse { .. } => (
            "store_in_use",
            "stop that one, or give this one a store of its own with `--store PATH` or `--ephemeral`",
        ),
        OpenError::Newer { .. } => (
            "store_newer",
            "update cmhook, or use another store with `--store PATH`; this one was not touched",
        ),
        OpenError::NotAStore { .. } => (
            "not_a_store",
            "choose another file with `--store PATH`; this one was not touched",
        ),
        _ => (
            "store",
            "check the folder's permissions and the disk's space, or choose another place with `--store PATH` or `--ephemeral`",
        ),
    };
    Problem {
        code,
        exit: FAILED,
        hint: hint.to_owned(),
    }
}

/// Prints what clap found, and returns its exit code: 0 for `--help` and `--version`.
pub fn report_usage(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    match error.exit_code() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::from(USAGE),
    }
}

/// Says of a panic what a user can do with it. It ends one connection or task; the
/// others go on.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let what = info.payload_as_str().unwrap_or("no message");
        let _ = writeln!(
            io::stderr().lock(),
            "error: internal error{place}: {}\n hint: this is a bug in cmhook; please report it with the line above",
            escape_for_terminal(what)
        );
    }));
}

/// Whether an error is, at its root, that nobody reads any more.
pub fn is_broken_pipe(error: &(dyn Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
