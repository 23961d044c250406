//! From an error to a message, a hint and an exit code; the only place that does so.

use std::error::Error;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use clap::CommandFactory as _;

use crate::account::{AccountError, Trouble};
use crate::capture::again::AgainError;
use crate::capture::listener::ListenError;
use crate::check::Commands;
use crate::cli::Cli;
use crate::commands;
use crate::commands::listener_client::ApiError;
use crate::commands::register::RegisterError;
use crate::commands::relay::RelayError;
use crate::commands::replay::edits::UneditableError;
use crate::commands::sandbox::AskError;
use crate::commands::select::BadFilter;
use crate::commands::start_error::StartError;
use crate::config::ConfigError;
use crate::delivery::escape_for_terminal;
use crate::export::read::ReadError;
use crate::http::tls::RootsError;
use crate::relay::acme::AcmeError;
use crate::relay::book::BookError;
use crate::relay::data::DataError;
use crate::relay::tls::PairError;
use crate::sandbox::SandboxError;
use crate::store::{self, OpenError};
use crate::tui::terminal;
use crate::tunnel::Refused;
use crate::wire::{Message, Object};

/// It could not start or do its work.
const FAILED: u8 = 1;
/// A mistake in flags or configuration.
const USAGE: u8 = 2;

struct Problem {
    code: String,
    exit: u8,
    hint: String,
    /// Lines that show the mistake, safe on a terminal.
    drawn: String,
}

/// Prints what went wrong to standard error, and with `json` as an object to standard
/// output too, and returns the exit code. A closed pipe is no error. `commands` knows the flags
/// that those need which hints name.
pub fn report(error: &anyhow::Error, json: bool, commands: &Commands) -> ExitCode {
    if error
        .chain()
        .filter_map(|e| e.downcast_ref::<io::Error>())
        .any(|e| e.kind() == io::ErrorKind::BrokenPipe)
    {
        return ExitCode::SUCCESS;
    }
    let mut problem = classify(error);
    problem.hint = commands.completed(&problem.hint);
    let exit = ExitCode::from(problem.exit);
    let stuck = (error.chain())
        .any(|cause| (cause.downcast_ref::<StartError>()).is_some_and(StartError::stuck));
    let message = format!("{error:#}");
    let say = move || {
        let mut err = io::stderr().lock();
        let _ = writeln!(err, "error: {}", escape_for_terminal(&message));
        for line in problem.drawn.lines() {
            let _ = writeln!(err, "    {line}");
        }
        if !problem.hint.is_empty() {
            let _ = writeln!(err, " hint: {}", escape_for_terminal(&problem.hint));
        }
        if json {
            say_as_json(&problem.code, &message, &problem.hint);
        }
    };
    if stuck {
        say_soon(say);
    } else {
        say();
    }
    exit
}

/// Says it, but waits for a second at most: whoever should read this may have stopped reading,
/// and the lines before it may be waiting for that.
fn say_soon(say: impl FnOnce() + Send + 'static) {
    let (done, finished) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        say();
        let _ = done.send(());
    });
    let _ = finished.recv_timeout(Duration::from_secs(1));
}

fn say_as_json(code: &str, message: &str, hint: &str) {
    let object = Object::Error(Message {
        code,
        message,
        hint,
    });
    let _ = object.write_line(&mut io::stdout().lock());
}

fn classify(error: &anyhow::Error) -> Problem {
    let problem = |code: &str, exit, hint: &str| Problem {
        code: code.to_owned(),
        exit,
        hint: hint.to_owned(),
        drawn: String::new(),
    };
    for cause in error.chain() {
        if let Some(found) = cause.downcast_ref::<ConfigError>() {
            return problem("usage", USAGE, &found.hint);
        }
        if let Some(found) = cause.downcast_ref::<BadFilter>() {
            return Problem {
                drawn: found.drawn.clone(),
                ..problem("usage", USAGE, "docs/filter.md describes what there is")
            };
        }
        if let Some(found) = cause.downcast_ref::<ListenError>() {
            return match found {
                ListenError::InUse { .. } => problem(
                    "port_in_use",
                    FAILED,
                    "stop what uses it, or listen elsewhere with `--listen PORT` (0 picks a free one)",
                ),
                ListenError::Io { address, source } => {
                    problem("listen", FAILED, other_address(*address, source.kind()))
                }
            };
        }
        if let Some(found) = cause.downcast_ref::<OpenError>() {
            return of_store(found);
        }
        if let Some(found) = cause.downcast_ref::<AgainError>() {
            return problem(found.code(), FAILED, found.hint());
        }
        if let Some(found) = cause.downcast_ref::<UneditableError>() {
            return problem("payload", FAILED, found.source.hint());
        }
        if let Some(found) = cause.downcast_ref::<ReadError>() {
            return problem("file", FAILED, found.hint());
        }
        if let Some(found) = cause.downcast_ref::<ApiError>() {
            return problem(&found.code, FAILED, &found.hint);
        }
        if let Some(found) = cause.downcast_ref::<StartError>() {
            return problem(found.code(), found.exit(), found.hint());
        }
        if let Some(found) = cause.downcast_ref::<SandboxError>() {
            return problem(found.code(), FAILED, found.hint());
        }
        if let Some(found) = cause.downcast_ref::<AskError>() {
            return problem(found.code(), FAILED, found.hint());
        }
        if let Some(found) = of_relay(cause).or_else(|| of_account(cause)) {
            return found;
        }
    }
    let said = error.to_string();
    if said.starts_with("cannot read") || said.starts_with("cannot write") {
        return problem("file", FAILED, "check its name and its permissions");
    }
    problem("internal", FAILED, "")
}

/// What is about a relay or a tunnel to one.
fn of_relay(cause: &(dyn Error + 'static)) -> Option<Problem> {
    let problem = |code: &str, exit, hint: &str| Problem {
        code: code.to_owned(),
        exit,
        hint: hint.to_owned(),
        drawn: String::new(),
    };
    if let Some(found) = cause.downcast_ref::<RelayError>() {
        return Some(problem(found.code(), FAILED, found.hint()));
    }
    if let Some(found) = cause.downcast_ref::<DataError>() {
        return Some(problem(found.code(), FAILED, found.hint()));
    }
    if let Some(found) = cause.downcast_ref::<BookError>() {
        return Some(problem(found.code(), found.exit(), &found.hint()));
    }
    if let Some(found) = cause.downcast_ref::<PairError>() {
        return Some(problem("certificate", FAILED, found.hint()));
    }
    if let Some(found) = cause.downcast_ref::<AcmeError>() {
        return Some(problem("acme", found.exit(), found.hint()));
    }
    if let Some(found) = cause.downcast_ref::<Refused>() {
        return Some(problem(&found.code, FAILED, &found.hint));
    }
    cause.is::<RootsError>().then(|| {
        let hint = "give a file with the certificate in PEM, `-----BEGIN CERTIFICATE-----`";
        problem("usage", USAGE, hint)
    })
}

/// What is about the account at Cakemail.
fn of_account(cause: &(dyn Error + 'static)) -> Option<Problem> {
    if let Some(found) = cause.downcast_ref::<RegisterError>() {
        return Some(Problem {
            code: found.code().to_owned(),
            exit: FAILED,
            hint: match found {
                RegisterError::Account(trouble) => commands::hint_of(trouble),
                _ => found.hint(),
            },
            drawn: String::new(),
        });
    }
    let trouble = cause
        .downcast_ref::<AccountError>()
        .map(|error| &error.trouble)
        .or_else(|| cause.downcast_ref::<Trouble>())?;
    Some(Problem {
        code: trouble.code().to_owned(),
        exit: FAILED,
        hint: commands::hint_of(trouble),
        drawn: String::new(),
    })
}

fn other_address(address: SocketAddr, problem: io::ErrorKind) -> &'static str {
    match problem {
        io::ErrorKind::PermissionDenied if address.port() < 1024 => {
            "ports below 1024 are the administrator's: choose a higher one with `--listen PORT`"
        }
        io::ErrorKind::AddrNotAvailable => {
            "no network of this machine has that address: choose one that it has, or a port alone for 127.0.0.1"
        }
        _ => "choose another address with `--listen ADDR`",
    }
}

fn of_store(error: &OpenError) -> Problem {
    let (code, hint) = match error {
        OpenError::InUse { .. } => (
            "store_in_use",
            "stop that one, or give this one a store of its own with `--store PATH` or `--ephemeral`",
        ),
        OpenError::Missing { .. } => (
            "no_store",
            "`cmhook listen` and `cmhook import` make it; `--store PATH` names another one",
        ),
        OpenError::Newer { .. } => (
            "store_newer",
            "update cmhook, or use another store with `--store PATH`; this one was not touched",
        ),
        OpenError::Folder { .. } => ("not_a_store", "name a file in it, such as `deliveries.db`"),
        OpenError::NotAStore { .. } => (
            "not_a_store",
            "choose another file with `--store PATH`; this one was not touched",
        ),
        OpenError::Database { cause, .. } if store::is_damage(cause) => (
            "store",
            "it is damaged: the next `cmhook listen` puts it aside and keeps what can be read",
        ),
        _ => (
            "store",
            "check the folder's permissions and the disk's space, or choose another place with `--store PATH` or `--ephemeral`",
        ),
    };
    Problem {
        code: code.to_owned(),
        exit: FAILED,
        hint: hint.to_owned(),
        drawn: String::new(),
    }
}

/// Prints what clap found, and returns its exit code: 0 for `--help` and `--version`.
pub fn report_usage(error: &clap::Error, args: &[OsString]) -> ExitCode {
    if error.exit_code() == 0 {
        let _ = error.print();
        return ExitCode::SUCCESS;
    }
    let text = if has_dashed_secret(args) {
        "error: `--secret` needs a value after it\n\n  tip: a secret that begins with `-` is written `--secret=S`\n".to_owned()
    } else {
        error.render().to_string()
    };
    let mut err = io::stderr().lock();
    for line in text.lines() {
        let _ = writeln!(err, "{}", escape_for_terminal(line));
    }
    if commands::ask_for_json(args) {
        let (message, rest) = text.split_once("\n\n").unwrap_or((&text, ""));
        let tips: Vec<_> = rest
            .lines()
            .filter_map(|line| line.trim().strip_prefix("tip: "))
            .collect();
        let hint = if tips.is_empty() {
            format!("`{} --help` lists what there is", asked(args))
        } else {
            tips.join("; ")
        };
        let message = message.strip_prefix("error: ").unwrap_or(message);
        say_as_json("usage", message, &hint);
    }
    ExitCode::from(USAGE)
}

/// The command that the arguments ask for, as it is typed.
fn asked(args: &[OsString]) -> String {
    let root = Cli::command();
    let words = args.iter().skip(1).filter_map(|arg| arg.to_str());
    let found = words
        .filter_map(|word| root.find_subcommand(word))
        .map(clap::Command::get_name)
        .next();
    found.map_or_else(|| "cmhook".to_owned(), |name| format!("cmhook {name}"))
}

/// Whether a secret begins like a flag. clap takes it for one, and its message would show it.
fn has_dashed_secret(args: &[OsString]) -> bool {
    args.windows(2).any(|pair| {
        (pair[0] == "--secret" || pair[0] == "-s") && pair[1].as_encoded_bytes().starts_with(b"-")
    })
}

/// Says of a panic what a user can do with it. It ends one connection or task; the
/// others go on, unless there is a screen: then it is the end, and the terminal is given back
/// before a word is said.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        let place = info
            .location()
            .map_or_else(String::new, |at| format!(" at {}:{}", at.file(), at.line()));
        let what = info.payload_as_str().unwrap_or("no message");
        let what = escape_for_terminal(what).into_owned();
        let say = move || {
            let _ = writeln!(
                io::stderr().lock(),
                "error: internal error{place}: {what}\n hint: this is a bug in cmhook; please report it with the line above"
            );
        };
        if !terminal::ends_with_a_panic() {
            return say();
        }
        terminal::give_back();
        say_soon(say);
        terminal::end_after_panic();
    }));
}
