//! `cmhook relay login`.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::SecretString;

use crate::cli::RelayLoginArgs;
use crate::commands::Outcome;
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
        let _hidden = Hidden::begin();
        write!(io::stderr(), "token for {relay}: ")?;
        stdin.read_line(&mut text)?;
        writeln!(io::stderr())?;
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

/// The terminal shows nothing that is typed, until this is dropped.
struct Hidden {
    #[cfg(unix)]
    before: Option<rustix::termios::Termios>,
}

impl Hidden {
    #[cfg(unix)]
    fn begin() -> Self {
        use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
        let stdin = io::stdin();
        let before = tcgetattr(&stdin).ok();
        if let Some(before) = &before {
            give_back_at_a_signal(before.clone());
            let mut quiet = before.clone();
            quiet.local_modes.remove(LocalModes::ECHO);
            let _ = tcsetattr(&stdin, OptionalActions::Now, &quiet);
        }
        Self { before }
    }

    #[cfg(not(unix))]
    fn begin() -> Self {
        Self {}
    }
}

/// Gives the terminal back before a signal such as that of Ctrl-C ends the process.
#[cfg(unix)]
fn give_back_at_a_signal(before: rustix::termios::Termios) {
    use rustix::termios::{OptionalActions, tcsetattr};
    use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
    let Ok(mut signals) = signal_hook::iterator::Signals::new([SIGHUP, SIGINT, SIGQUIT, SIGTERM])
    else {
        return;
    };
    // It stays for good: without it these signals would do nothing from then on.
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, &before);
            let _ = writeln!(io::stderr());
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    });
}

impl Drop for Hidden {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(before) = &self.before {
            use rustix::termios::{OptionalActions, tcsetattr};
            let _ = tcsetattr(io::stdin(), OptionalActions::Now, before);
        }
    }
}
