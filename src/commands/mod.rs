//! One file per command: it reads settings, wires parts and prints.

mod completions;
mod demo;
pub mod listen;
mod man;
mod session;

use crate::cli::{Cli, Command};

/// Runs a command to its end.
///
/// # Errors
/// Where it could not do its work.
pub fn run(cli: Cli) -> anyhow::Result<()> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Listen(args) => listen::run(*args, config),
        Command::Demo(args) => demo::run(args),
        Command::Completions { shell } => completions::run(shell),
        Command::Man { command, out } => man::run(command.as_deref(), out.as_deref()),
    }
}

/// Whether a command's output is JSON, so that its errors are too.
pub fn wants_json(cli: &Cli) -> bool {
    let output = match &cli.command {
        Command::Listen(args) => &args.output,
        Command::Demo(args) => &args.output,
        Command::Completions { .. } | Command::Man { .. } => return false,
    };
    output.json.unwrap_or(false)
}
