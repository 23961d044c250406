//! `cmhook relay`.

use clap::{Args, Subcommand};

use super::relay_keep::{RelayNameCommand, RelayTokenCommand};

/// `cmhook relay`.
#[derive(Debug, Args)]
pub struct RelayServerArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: RelayCommand,
}

/// The commands of a relay.
#[derive(Debug, Subcommand)]
pub enum RelayCommand {
    /// Make, list, revoke and renew the tokens that agents connect with
    #[command(subcommand)]
    Token(RelayTokenCommand),
    /// List, reserve and release the names that tokens have
    #[command(subcommand)]
    Name(RelayNameCommand),
}
