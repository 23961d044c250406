//! `cmhook relay`: the public server, its tokens, and logging in to one.

mod error;
mod login;
mod serve;

use std::path::Path;

use super::Outcome;
use crate::cli::RelayCommand;

pub use error::RelayError;

pub(super) fn run(command: RelayCommand, _config: Option<&Path>) -> anyhow::Result<Outcome> {
    match command {
        RelayCommand::Serve(args) => serve::run(&args).map(|()| Outcome::Fine),
        RelayCommand::Login(args) => login::run(&args),
    }
}
