//! One file per command: it reads settings, wires parts and prints.

mod completions;
mod demo;
mod listen;
mod man;
mod session;
pub mod start_error;

use std::ffi::OsString;

use crate::cli::{Cli, Command, switch};
use crate::config::Raw;

/// Runs a command to its end. `json` is set where a configuration file asks for JSON.
///
/// # Errors
/// Where it could not do its work.
pub fn run(cli: Cli, json: &mut bool) -> anyhow::Result<()> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Listen(args) => listen::run(*args, config, json),
        Command::Demo(args) => demo::run(args),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { command, out } => man::run(command.as_deref(), out.as_deref()),
    }
}

/// What a command's flags say of its output.
pub fn output(cli: &Cli) -> Raw {
    let output = match &cli.command {
        Command::Listen(args) => &args.output,
        Command::Demo(args) => &args.output,
        Command::Completions { .. } | Command::Man { .. } => return Raw::default(),
    };
    listen::with_output(Raw::default(), output)
}

/// Whether arguments that clap refuses ask for JSON all the same: a script that reads the
/// output wants to read the error there too.
pub fn ask_for_json(args: &[OsString]) -> bool {
    // What is neither yes nor no was meant for JSON too, and is the mistake to tell.
    let asked = |value: &str| switch(value).unwrap_or(true);
    let flags = args.iter().take_while(|arg| *arg != "--");
    let flag = flags.filter_map(|arg| match arg.to_str()?.strip_prefix("--json")? {
        "" => Some(true),
        rest => Some(asked(rest.strip_prefix('=')?)),
    });
    flag.last()
        .unwrap_or_else(|| std::env::var("CMHOOK_JSON").is_ok_and(|value| asked(&value)))
}
