//! `cmhook login` and `cmhook logout`.

use clap::Args;

use super::webhooks::AccountArgs;

/// `cmhook login`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  cmhook login                            asks for e-mail address and password
  cmhook login --token < token.txt        keeps a personal access token
  cmhook login --email me@example.com < password.txt

In a pipe the first line is the password, and the second the code of a second factor (MFA).
The password is not kept: what Cakemail gives for it is, in a file of your own, readable by you
alone. CAKEMAIL_ACCESS_TOKEN, and CAKEMAIL_EMAIL with CAKEMAIL_PASSWORD, go before it.")]
pub struct LoginArgs {
    /// The e-mail address, which is asked for otherwise
    #[arg(
        long,
        value_name = "EMAIL",
        env = "CAKEMAIL_EMAIL",
        hide_env_values = true
    )]
    pub email: Option<String>,

    /// Keep a personal access token, which is asked for, or read from standard input
    #[arg(long)]
    pub token: bool,

    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}

/// `cmhook logout`.
#[derive(Debug, Args)]
pub struct LogoutArgs {
    #[command(flatten)]
    #[expect(missing_docs, reason = "a doc comment would become the help's text")]
    pub account: AccountArgs,
}
