//! The body that a command is given: a file's bytes, or those of standard input.

use std::io::{self, IsTerminal as _, Read as _, Write as _};

use crate::config::ConfigError;

/// Reads it to its end, byte for byte. Somebody at a terminal is told what it waits for.
///
/// # Errors
/// Where the file or standard input cannot be read.
pub(super) fn read(file: Option<&str>) -> Result<Vec<u8>, ConfigError> {
    if let Some(path) = file.filter(|path| *path != "-") {
        return std::fs::read(path).map_err(|error| ConfigError {
            message: format!("cannot read the body from `{path}`: {error}"),
            hint: "`--body FILE` names the file that holds it; without it, it is read from standard input".into(),
        });
    }
    let mut stdin = io::stdin().lock();
    if stdin.is_terminal() {
        let _ = writeln!(
            io::stderr(),
            "Reading the body from the terminal, until Ctrl-D at the start of a line (`--body FILE` reads a file)."
        );
    }
    let mut body = Vec::new();
    stdin.read_to_end(&mut body).map_err(|error| ConfigError {
        message: format!("cannot read the body from standard input: {error}"),
        hint: "name a file with `--body FILE`".into(),
    })?;
    if body.is_empty() {
        // A script whose standard input leads nowhere would look for a wrong secret.
        let _ = writeln!(
            io::stderr(),
            "warning: the body is empty: 0 bytes came from standard input (`--body FILE` reads a file)"
        );
    }
    Ok(body)
}
