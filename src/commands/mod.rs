//! One file per command: it reads settings, wires parts and prints.

mod account;
mod again;
mod api;
mod ask;
mod audience;
mod body_input;
mod clear;
mod completions;
mod delete;
mod demo;
mod diff;
mod doctor;
mod export;
mod face;
mod hand;
mod hidden;
mod import;
mod ink;
mod jq;
mod json_look;
mod json_output;
mod list;
mod listen;
pub mod listener_client;
mod log;
mod login;
mod man;
mod mark;
mod public;
mod rate;
mod reader_left;
pub mod register;
pub mod relay;
pub mod replay;
pub mod sandbox;
pub mod select;
mod session;
mod setup;
mod show;
mod sign;
mod signals;
pub mod start_error;
mod table;
mod table_of;
mod trigger;
mod verify;
mod webhooks;

use std::ffi::OsString;

use crate::cli::{Cli, Command, JsonArgs, switch};

pub use account::hint_of;
pub use again::again;
pub use log::start_log;

/// What a command has to say with its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It did what it was asked to, or the answer is yes.
    Fine,
    /// The answer is no: invalid, an expectation missed, nothing matched. Why was said.
    No,
}

/// Runs a command to its end. `json` is set where a configuration file asks for JSON.
///
/// # Errors
/// Where it could not do its work.
pub fn run(cli: Cli, json: &mut bool) -> anyhow::Result<Outcome> {
    let config = cli.config.as_deref();
    match cli.command {
        Command::Listen(args) => listen::run(*args, config, json),
        Command::List(args) => list::run(&args, config),
        Command::Show(args) => show::run(&args, config),
        Command::Replay(args) => replay::run(&args, config),
        Command::Trigger(args) => trigger::run(&args, config),
        Command::Verify(args) => verify::run(&args, config),
        Command::Sign(args) => sign::run(&args, config),
        Command::Diff(args) => diff::run(&args, config),
        Command::Export(args) => export::run(&args, config),
        Command::Import(args) => import::run(&args, config),
        Command::Delete(args) => delete::run(&args, config),
        Command::Clear(args) => clear::run(&args, config),
        Command::Mark(args) => mark::run(&args, config),
        Command::Demo(args) => demo::run(args).map(|()| Outcome::Fine),
        Command::Relay(args) => relay::run(args.command, config),
        Command::Webhooks(args) => webhooks::run(&args.command, config),
        Command::Login(args) => login::login(&args, config),
        Command::Logout(args) => login::logout(&args, config),
        Command::Doctor(args) => doctor::run(&args, config),
        Command::Sandbox(args) => sandbox::run(&args, config),
        Command::Completions { shell } => completions::run(shell).map(|()| Outcome::Fine),
        Command::Man { command, out } => {
            man::run(command.as_deref(), out.as_deref()).map(|()| Outcome::Fine)
        }
    }
}

/// Whether a command's flags ask for JSON; `None` where they say nothing. What `--jq` makes
/// of it need not be JSON, so that an error among it would be no help.
pub fn asks_for_json(cli: &Cli) -> Option<bool> {
    let of = |args: &JsonArgs| (args.json.is_some() && args.jq.is_none()).then_some(true);
    match &cli.command {
        Command::Listen(args) => args.output.json,
        Command::Demo(args) => args.output.json,
        Command::List(args) => of(&args.json),
        Command::Show(args) => of(&args.json),
        Command::Diff(args) => of(&args.json),
        Command::Replay(args) => of(&args.json),
        Command::Trigger(args) => of(&args.json),
        Command::Verify(args) => of(&args.json),
        Command::Import(args) => of(&args.json),
        Command::Doctor(args) => of(&args.json),
        Command::Relay(args) => relay::asks_for_json(&args.command),
        Command::Webhooks(args) => of(webhooks::json_args(&args.command)),
        Command::Sandbox(args) => sandbox::asks_for_json(args),
        _ => None,
    }
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
