//! `cmhook relay token` and `cmhook relay name`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::shared::{ColorArgs, JsonArgs};

/// Which relay's data.
#[derive(Debug, Args)]
pub struct RelayDataArgs {
    /// The relay's data folder [default: relay in the user's data folder]
    #[arg(
        long,
        value_name = "DIR",
        env = "CMHOOK_RELAY_DATA",
        hide_env_values = true
    )]
    pub data: Option<PathBuf>,
}

/// A relay's data and how what is in it is written.
#[derive(Debug, Args)]
pub struct RelayListArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub json: JsonArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub data: RelayDataArgs,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub color: ColorArgs,
}

/// `cmhook relay token`.
#[derive(Debug, Subcommand)]
pub enum RelayTokenCommand {
    /// Make a token, and print it: this once, alone on standard output
    Create(RelayTokenCreateArgs),
    /// List the tokens, with their names and when they were used last
    #[command(visible_alias = "ls")]
    List(RelayListArgs),
    /// Make a token useless, at once; its names go to nobody else for 30 days
    Revoke(RelayTokenArgs),
    /// Make a new token in the place of one, with its names and what waits for them
    Rotate(RelayTokenArgs),
}

/// `cmhook relay token create`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook relay token create ada                        gets a name when it connects first, and keeps it
  cmhook relay token create shop --name shop --name shop-staging
  cmhook relay token create ada > token.txt            it is shown nowhere else

The first --name is the one that an agent gets which asks for none. A running relay knows the
token within a second. Give it to its agent as CMHOOK_RELAY_TOKEN, or with `cmhook relay login`.

Exit codes: 0 when it is made, 1 when the label or a name is taken, 2 for a mistake in the
arguments.")]
pub struct RelayTokenCreateArgs {
    /// What it is called in lists and logs: whose it is, or what for
    #[arg(value_name = "LABEL")]
    pub label: String,

    /// A name for it: a-z, 0-9 and `-`; may be repeated
    #[arg(long, value_name = "NAME", allow_hyphen_values = true)]
    pub name: Vec<String>,

    /// Write a JSON object, with the token in it
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub data: RelayDataArgs,
}

/// `cmhook relay token revoke` and `rotate`.
#[derive(Debug, Args)]
#[command(after_help = "\
A running relay knows it within a second, and then cuts the agents that came with the old token.

Exit codes: 0 when it is done, 1 when there is no such token.")]
pub struct RelayTokenArgs {
    /// Its label, or at least four letters of its id
    #[arg(value_name = "LABEL")]
    pub label: String,

    /// Write a JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub data: RelayDataArgs,
}

/// `cmhook relay name`.
#[derive(Debug, Subcommand)]
pub enum RelayNameCommand {
    /// List the names, whose they are, and how many deliveries wait for them
    #[command(visible_alias = "ls")]
    List(RelayListArgs),
    /// Bind a name to a token
    Reserve(RelayNameReserveArgs),
    /// Take a name from its token; it goes to nobody else for 30 days
    Release(RelayNameReleaseArgs),
}

/// `cmhook relay name reserve`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook relay name reserve shop --token ada
  cmhook relay name reserve shop --token bob --force   ada's not long ago, and bob's now

Deliveries to a name that a token has wait while its agent is away.

Exit codes: 0 when it is bound, 1 when it is taken or there is no such token, 2 for a mistake
in the arguments.")]
pub struct RelayNameReserveArgs {
    /// The name: a-z, 0-9 and `-`
    #[arg(value_name = "NAME")]
    pub name: String,

    /// The token's label, or at least four letters of its id
    #[arg(long, value_name = "LABEL")]
    pub token: String,

    /// Although it was another token's less than 30 days ago; what still waits for that one is
    /// deleted
    #[arg(long)]
    pub force: bool,

    /// Write a JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub data: RelayDataArgs,
}

/// `cmhook relay name release`.
#[derive(Debug, Args)]
#[command(after_help = "\
Until the 30 days are over `cmhook relay name reserve` gives it back to the same token, or with
--force to another. What waits for it does so until it is too old.

Exit codes: 0 when it is released, 1 when no token has it.")]
pub struct RelayNameReleaseArgs {
    /// The name
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Write a JSON object
    #[arg(long)]
    pub json: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub data: RelayDataArgs,
}
