//! `cmhook sandbox`: running one, firing events, and looking at what came of them.

mod client;
mod deliveries;
mod fire;
mod place;
mod plan;
mod serve;

use std::path::Path;

use super::Outcome;
use crate::cli::{SandboxArgs, SandboxCommand};

pub use client::AskError;

pub(super) fn run(args: &SandboxArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    match &args.command {
        None => serve::run(&args.serve).map(|()| Outcome::Fine),
        Some(SandboxCommand::Fire(args)) => fire::run(args),
        Some(SandboxCommand::Deliveries(args)) => deliveries::run(args, config),
    }
}

/// The URL of a sandbox that runs here and is not a test's.
pub(super) fn running() -> Option<String> {
    place::find()
}

/// Whether the flags ask for JSON; `None` where they say nothing.
pub(super) fn asks_for_json(args: &SandboxArgs) -> Option<bool> {
    match &args.command {
        None => args.serve.json,
        Some(SandboxCommand::Fire(args)) => args.json.then_some(true),
        Some(SandboxCommand::Deliveries(args)) => {
            (args.json.json.is_some() && args.json.jq.is_none()).then_some(true)
        }
    }
}
