//! `cmhook relay login`.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};

use crate::cli::RelayLoginArgs;
use crate::commands::Outcome;
use crate::commands::hidden::ask_hidden;
use crate::commands::session::block_on;
use crate::config::{self, Claim, ConfigError, credentials};
use crate::http::tls;
use crate::tunnel::{self, Asking};

/// No token is longer.
const LONGEST: u64 = 4 << 10;

pub(super) fn run(args: &RelayLoginArgs) -> anyhow::Result<Outcome> {
    let relay = config::relay_url(&args.url)?;
    let shown = config::shown_url(&relay);
    if args.forget {
        if credentials::forget(&relay)? {
            say(&format!("forgot the token for {shown}"))?;
            return Ok(Outcome::Fine);
        }
        say(&format!("there is no token for {shown}"))?;
        return Ok(Outcome::No);
    }
    // Before anything is typed.
    config::relay_url_for_token(&args.url)?;
    let token = token(&shown)?;
    let roots = match &args.relay_ca {
        Some(path) => tls::roots_with(path)?,
        None => tls::system_roots(),
    };
    let asking = Asking {
        relay: relay.clone(),
        token: Some(token.clone()),
        name: None,
        claim: Claim::Exclusive,
        tls: Arc::new(tls::client(roots)),
    };
    let about = block_on(async { Ok(tunnel::ask(asking).await?) })?;
    let path = credentials::write(&relay, &token)?;
    let label = about.token.as_deref().unwrap_or("nobody");
    let names = match &about.names[..] {
        [] => "a name is made at the first `cmhook listen`".to_owned(),
        names => format!("names: {}", names.join(", ")),
    };
    say(&format!("logged in to {shown} as {label}; {names}"))?;
    say(&format!("the token is kept in {}", path.display()))?;
    Ok(Outcome::Fine)
}

fn say(line: &str) -> io::Result<()> {
    let line = crate::delivery::escape_for_terminal(line);
    writeln!(io::stderr(), "{line}")
}

/// The token, from the keyboard without an echo, or from standard input.
fn token(relay: &str) -> anyhow::Result<SecretString> {
    let stdin = io::stdin();
    let mut text = String::new();
    if stdin.is_terminal() {
        let typed = ask_hidden(&format!("token for {relay}"))?;
        text.push_str(typed.expose_secret());
    } else {
        let read = stdin.lock().take(LONGEST).read_to_string(&mut text);
        read.context("cannot read the token from standard input")?;
    }
    let text = text.trim();
    let is_token = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
    if !is_token {
        return Err(ConfigError {
            message: "there is no token on standard input".into(),
            hint: "paste what `cmhook relay token create` printed".into(),
        }
        .into());
    }
    Ok(SecretString::from(text))
}
