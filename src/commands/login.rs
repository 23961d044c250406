//! `cmhook login` and `cmhook logout`.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::path::Path;

use anyhow::Context as _;
use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};

use super::hidden::ask_hidden;
use super::setup::runtime;
use super::{Outcome, account};
use crate::account::error::Challenge;
use crate::account::logins::{self, Login};
use crate::account::tokens::{Granted, SignIn, is_token};
use crate::account::{Api, Credentials, ListQuery, Trouble};
use crate::cli::{LoginArgs, LogoutArgs};
use crate::config::{AccountSettings, ConfigError, shown_url};
use crate::delivery::escape_for_terminal;

/// Nothing that is typed or piped in is longer.
const LONGEST: u64 = 16 << 10;

/// How often a code may be typed.
const TRIES: u32 = 3;

pub(super) fn login(args: &LoginArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let settings = account::settings(&args.account, config)?;
    logins::check()?;
    let input = Input::new();
    let login = if args.token {
        with_token(&settings, &input)?
    } else {
        with_password(args, &settings, &input)?
    };
    let path = logins::write(&settings.api, &login)?;
    say(&format!("It is kept in {}, for you alone.", path.display()));
    if let Some(variables) = Credentials::variables() {
        say(&format!(
            "warning: {variables} in the environment goes before it: unset that to use this login"
        ));
    }
    Ok(Outcome::Fine)
}

/// A personal access token, which is kept once the API has taken it.
fn with_token(settings: &AccountSettings, input: &Input) -> anyhow::Result<Login> {
    let shown = shown_url(&settings.api);
    let token = input.hidden(&format!("personal access token for {shown}"))?;
    let token = SecretString::from(token.expose_secret().trim());
    if !is_token(token.expose_secret()) {
        return Err(ConfigError {
            message: "there is no token on standard input".into(),
            hint: "paste a personal access token, which begins with `ck_pat_`".into(),
        }
        .into());
    }
    let credentials = Credentials::Token {
        token: token.clone(),
        from: input.name(),
    };
    let api = Api::new(settings, credentials);
    let query = ListQuery {
        per_page: Some(1),
        ..ListQuery::default()
    };
    runtime()?.block_on(api.list(query)).map_err(|error| {
        let trouble = match error.trouble {
            Trouble::Token { api, sandbox, .. } => Trouble::NewToken { api, sandbox },
            other => other,
        };
        trouble.while_doing("log in")
    })?;
    say(&format!("Logged in to {shown} with an access token."));
    Ok(Login {
        email: None,
        access: token,
        refresh: None,
        expires_at: None,
    })
}

fn with_password(
    args: &LoginArgs,
    settings: &AccountSettings,
    input: &Input,
) -> anyhow::Result<Login> {
    let shown = shown_url(&settings.api);
    let email = match &args.email {
        Some(email) => email.trim().to_owned(),
        None => input.email(&shown)?,
    };
    if email.is_empty() {
        return Err(input.lacks("e-mail address"));
    }
    let password = input.hidden(&format!("password of {email} at {shown}"))?;
    if password.expose_secret().is_empty() {
        return Err(input.lacks("password"));
    }
    let granted = runtime()?.block_on(sign_in(&settings.api, &email, &password, input))?;
    say(&format!("Logged in to {shown} as {email}."));
    if settings.account.is_none() && granted.accounts.len() > 1 {
        let accounts: Vec<_> = granted.accounts.iter().map(u64::to_string).collect();
        say(&format!(
            "Your accounts are {}: `--account N` or CAKEMAIL_CURRENT_ACCOUNT_ID chooses one.",
            accounts.join(", ")
        ));
    }
    Ok(Login::of(Some(email), granted))
}

async fn sign_in(
    api: &Uri,
    email: &str,
    password: &SecretString,
    input: &Input,
) -> anyhow::Result<Granted> {
    let sign_in = SignIn::new(api);
    match sign_in.password(email, password, input.name()).await {
        Err(Trouble::Challenge(challenge)) => answered(&sign_in, &challenge, input).await,
        granted => granted.map_err(|trouble| trouble.while_doing("log in").into()),
    }
}

/// The tokens for a code of the second factor.
async fn answered(
    sign_in: &SignIn,
    challenge: &Challenge,
    input: &Input,
) -> anyhow::Result<Granted> {
    let mut tries = 0;
    loop {
        tries += 1;
        let Some(code) = input.code()? else {
            let trouble = Trouble::Challenge(challenge.clone());
            return Err(trouble.while_doing("log in").into());
        };
        match sign_in.code(challenge, &code).await {
            Err(Trouble::Code) if input.terminal && tries < TRIES => {
                say("The code is wrong, or it came too late.");
            }
            granted => return granted.map_err(|trouble| trouble.while_doing("log in").into()),
        }
    }
}

pub(super) fn logout(args: &LogoutArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let settings = account::settings(&args.account, config)?;
    let shown = shown_url(&settings.api);
    let was_there = logins::forget(&settings.api)?;
    if was_there {
        say(&format!("Logged out of {shown}: its tokens are forgotten."));
    } else {
        say(&format!("Nobody is logged in at {shown}."));
    }
    if let Some(variables) = Credentials::variables() {
        say(&format!(
            "warning: {variables} in the environment still opens the account"
        ));
    }
    Ok(if was_there {
        Outcome::Fine
    } else {
        Outcome::No
    })
}

fn say(line: &str) {
    // Standard error may be closed; what was done is done all the same.
    let _ = writeln!(io::stderr(), "{}", escape_for_terminal(line));
}

/// What is typed on a terminal, or comes line by line through a pipe.
struct Input {
    terminal: bool,
}

impl Input {
    fn new() -> Self {
        Self {
            terminal: io::stdin().is_terminal(),
        }
    }

    /// Where it comes from, for people.
    const fn name(&self) -> &'static str {
        if self.terminal {
            "the keyboard"
        } else {
            "standard input"
        }
    }

    /// That there is none of what is needed.
    fn lacks(&self, what: &str) -> anyhow::Error {
        let hint = if self.terminal {
            "run it again and type it; a personal access token does as well, with `--token`"
        } else {
            "in a pipe `--email` names the address, and the first line is the password"
        };
        ConfigError {
            message: format!("there is no {what} to log in with"),
            hint: hint.into(),
        }
        .into()
    }

    fn email(&self, api: &str) -> anyhow::Result<String> {
        if !self.terminal {
            return Err(ConfigError {
                message: "there is no terminal to ask on who logs in".into(),
                hint: "say it with `--email`, or log in with a personal access token and `--token`"
                    .into(),
            }
            .into());
        }
        ask(&format!("e-mail address at {api}"))
    }

    /// What nobody else is to see.
    fn hidden(&self, question: &str) -> anyhow::Result<SecretString> {
        if self.terminal {
            return ask_hidden(question).context("cannot read from the terminal");
        }
        Ok(Self::line()?.unwrap_or_default())
    }

    /// The code of the second factor; `None` where none comes.
    fn code(&self) -> anyhow::Result<Option<String>> {
        let code = if self.terminal {
            Some(ask("code of your second factor (MFA)")?)
        } else {
            let line = Self::line()?;
            line.map(|line| line.expose_secret().to_owned())
        };
        let code = code.map(|code| code.trim().to_owned());
        Ok(code.filter(|code| !code.is_empty()))
    }

    /// The next line of the pipe.
    fn line() -> anyhow::Result<Option<SecretString>> {
        // Whoever pipes it in may leave the pipe open behind what was asked for.
        let mut text = String::new();
        let read = io::BufRead::read_line(&mut io::stdin().lock().take(LONGEST), &mut text)
            .context("cannot read standard input")?;
        let line = text.trim_end_matches(['\r', '\n']);
        Ok((read > 0).then(|| SecretString::from(line)))
    }
}

fn ask(question: &str) -> anyhow::Result<String> {
    write!(io::stderr(), "{}: ", escape_for_terminal(question))?;
    let mut text = String::new();
    let mut stdin = io::stdin().lock().take(LONGEST);
    io::BufRead::read_line(&mut stdin, &mut text).context("cannot read from the terminal")?;
    Ok(text.trim().to_owned())
}
