//! Asking before something cannot be undone.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::config::ConfigError;

/// Asks a question that is answered with `y`; anything else means no.
///
/// # Errors
/// Where there is no terminal to ask on.
pub(super) fn confirmed(yes: bool, question: &str) -> anyhow::Result<bool> {
    confirmed_by("--yes", yes, question)
}

/// The same where the flag that says yes has another name.
///
/// # Errors
/// As [`confirmed`].
pub(super) fn confirmed_by(flag: &str, yes: bool, question: &str) -> anyhow::Result<bool> {
    if yes {
        return Ok(true);
    }
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(ConfigError {
            message: "there is no terminal to ask on whether to delete".into(),
            hint: format!("say `{flag}` if that is what you want"),
        }
        .into());
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    let said = matches!(answer.trim(), "y" | "Y" | "yes");
    if !said {
        writeln!(err, "Nothing was deleted.")?;
    }
    Ok(said)
}

/// `1 delivery`, `12 deliveries`.
pub(super) fn deliveries(count: usize) -> String {
    match count {
        1 => "1 delivery".to_owned(),
        count => format!("{count} deliveries"),
    }
}
