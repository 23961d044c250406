//! The flags of a command that the ones which its hints name need as well.

use super::doctor::given;
use super::webhooks;
use crate::check::Commands;
use crate::cli::{Cli, Command};
use crate::config::api_url;

/// Those that say which account is meant. What the environment says is there for the next
/// command too.
pub fn again(cli: &Cli) -> Commands {
    let (api, account) = match &cli.command {
        Command::Listen(args) => (args.account.api.clone(), args.account.account.clone()),
        command => {
            let args = match command {
                Command::Webhooks(args) => webhooks::account_args(&args.command),
                Command::Login(args) => &args.account,
                Command::Logout(args) => &args.account,
                Command::Doctor(args) => &args.account,
                _ => return Commands::default(),
            };
            let account = args.account.map(|account| account.to_string());
            (args.api.clone(), account)
        }
    };
    // One that is refused may have a password in it.
    let api = api.filter(|api| api_url(api).is_ok());
    let config = cli.config.as_deref();
    let config = config.map(|path| path.display().to_string());
    Commands {
        all: given("--config", config, "CMHOOK_CONFIG"),
        api: given("--api", api, "CAKEMAIL_API_BASE"),
        account: given("--account", account, "CAKEMAIL_CURRENT_ACCOUNT_ID"),
        ..Commands::default()
    }
}
