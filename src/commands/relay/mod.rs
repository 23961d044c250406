//! `cmhook relay`: the public server, its tokens, and logging in to one.

mod certificate;
mod error;
mod keep;
mod login;
mod name;
mod plan;
mod serve;
mod token;

use std::path::Path;

use super::Outcome;
use crate::cli::{RelayCommand, RelayNameCommand, RelayTokenCommand};

pub use error::RelayError;

pub(super) fn run(command: RelayCommand, config: Option<&Path>) -> anyhow::Result<Outcome> {
    match command {
        RelayCommand::Serve(args) => serve::run(&args).map(|()| Outcome::Fine),
        RelayCommand::Login(args) => login::run(&args),
        RelayCommand::Token(command) => token::run(&command, config),
        RelayCommand::Name(command) => name::run(&command, config),
    }
}

/// Whether the flags ask for JSON; `None` where they say nothing.
pub(super) fn asks_for_json(command: &RelayCommand) -> Option<bool> {
    let asks = match command {
        RelayCommand::Serve(args) => args.json,
        RelayCommand::Login(_) => false,
        RelayCommand::Token(command) => match command {
            RelayTokenCommand::Create(args) => args.json,
            RelayTokenCommand::List(args) => args.json.json.is_some() && args.json.jq.is_none(),
            RelayTokenCommand::Revoke(args) | RelayTokenCommand::Rotate(args) => args.json,
        },
        RelayCommand::Name(command) => match command {
            RelayNameCommand::List(args) => args.json.json.is_some() && args.json.jq.is_none(),
            RelayNameCommand::Reserve(args) => args.json,
            RelayNameCommand::Release(args) => args.json,
        },
    };
    asks.then_some(true)
}
