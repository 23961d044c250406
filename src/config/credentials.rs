//! The tokens of `cmhook relay login`: a file in the user's configuration folder, for the
//! user alone, with a table for each relay.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};

use super::ConfigError;
use super::file::{others_can_read, user_config_folder};
use super::server::shown_url;
use crate::files::{self, FileError};

/// The file's name, in the user's configuration folder.
const NAME: &str = "credentials.toml";

/// What stands on top of it.
const HEADING: &str =
    "Tokens of `cmhook relay login`: whoever has one gets what is sent to its names.";

/// The key of a relay's token in its table.
const TOKEN: &str = "token";

/// The file; `None` for a user without a home.
pub fn path() -> Option<PathBuf> {
    user_config_folder().map(|folder| folder.join(NAME))
}

/// The token for a relay.
///
/// # Errors
/// Where there is a file that cannot be read or understood.
pub fn read(relay: &Uri) -> Result<Option<SecretString>, ConfigError> {
    let Some(path) = path() else {
        return Ok(None);
    };
    let table = table(&path).map_err(|error| {
        ConfigError::new(
            format!("cannot read the tokens in `{}`: {error}", path.display()),
            "mend it, or delete it and log in anew with `cmhook relay login URL`",
        )
    })?;
    Ok(token_in(&table, relay))
}

/// Keeps the token for a relay, in place of the one before, and says where.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn write(relay: &Uri, token: &SecretString) -> Result<PathBuf, FileError> {
    let path = path_or_error()?;
    write_to(&path, relay, token)?;
    Ok(path)
}

/// Forgets the token for a relay, and says whether there was one.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn forget(relay: &Uri) -> Result<bool, FileError> {
    forget_in(&path_or_error()?, relay)
}

/// What should be known of the file.
pub(super) fn doubt() -> Option<String> {
    let path = path().filter(|path| others_can_read(path))?;
    Some(format!(
        "`{}` holds tokens and other users of this machine can read it: chmod 600 it",
        path.display()
    ))
}

fn path_or_error() -> Result<PathBuf, FileError> {
    path().ok_or_else(|| {
        let error = io::Error::new(io::ErrorKind::NotFound, "there is no home folder");
        FileError::Folder(PathBuf::from("~/.config/cmhook"), error)
    })
}

/// Reads a file of tokens; one that is not there is empty.
///
/// # Errors
/// Where it cannot be read or understood. The error shows nothing of what is in it.
pub fn table(path: &Path) -> io::Result<toml::Table> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(toml::Table::new()),
        text => text?,
    };
    // The parser's own message can hold a token.
    toml::from_str(&text).map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is not TOML"))
}

fn token_in(table: &toml::Table, relay: &Uri) -> Option<SecretString> {
    let token = table.get(&shown_url(relay))?.get(TOKEN)?.as_str()?;
    Some(token.into())
}

fn write_to(path: &Path, relay: &Uri, token: &SecretString) -> Result<(), FileError> {
    let _turn = turn(path)?;
    let mut table = table(path).map_err(|error| FileError::Write(path.to_owned(), error))?;
    let mut own = toml::Table::new();
    own.insert(TOKEN.into(), token.expose_secret().into());
    table.insert(shown_url(relay), own.into());
    save(path, &table)
}

fn forget_in(path: &Path, relay: &Uri) -> Result<bool, FileError> {
    let _turn = turn(path)?;
    let mut table = table(path).map_err(|error| FileError::Write(path.to_owned(), error))?;
    if table.remove(&shown_url(relay)).is_none() {
        return Ok(false);
    }
    save(path, &table)?;
    Ok(true)
}

/// Until it is dropped no other process changes the file.
fn turn(path: &Path) -> Result<fs::File, FileError> {
    files::lock(path).map_err(|error| FileError::Write(path.to_owned(), error))
}

fn save(path: &Path, table: &toml::Table) -> Result<(), FileError> {
    save_table(path, HEADING, table)
}

/// Writes a file of tokens for the user alone, a comment on top.
///
/// # Errors
/// Where it cannot be written.
pub fn save_table(path: &Path, heading: &str, table: &toml::Table) -> Result<(), FileError> {
    files::create_parent(path)?;
    files::write(path, true, |out| {
        writeln!(out, "# {heading}")?;
        out.write_all(table.to_string().as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::relay_url;

    #[test]
    fn a_token_is_kept_for_its_relay_alone_and_forgotten() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("cmhook").join(NAME);
        let relay = |text: &str| relay_url(text).unwrap();
        let kept = |text: &str| {
            let token = token_in(&table(&path).unwrap(), &relay(text));
            token.map(|token| token.expose_secret().to_owned())
        };
        assert_eq!(kept("a.example"), None);
        write_to(&path, &relay("https://a.example/"), &"one".into()).unwrap();
        write_to(&path, &relay("b.example/x"), &"two \"'\n".into()).unwrap();
        write_to(&path, &relay("A.example:443"), &"three".into()).unwrap();
        assert_eq!(kept("a.example").as_deref(), Some("three"));
        assert_eq!(kept("https://b.example/x").as_deref(), Some("two \"'\n"));
        assert_eq!(kept("http://a.example"), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&path), 0o600);
            assert_eq!(mode(path.parent().unwrap()), 0o700);
        }
        assert!(forget_in(&path, &relay("a.example")).unwrap());
        assert!(!forget_in(&path, &relay("a.example")).unwrap());
        assert_eq!(kept("a.example"), None);
        assert!(kept("b.example/x").is_some());
        let files: Vec<_> = fs::read_dir(path.parent().unwrap()).unwrap().collect();
        assert_eq!(files.len(), 2, "nothing is left beside it and its lock");
    }

    #[test]
    fn of_many_that_log_in_at_once_none_is_lost() {
        const COUNT: usize = 16;
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        std::thread::scope(|scope| {
            for n in 0..COUNT {
                let path = &path;
                scope.spawn(move || {
                    let relay = relay_url(&format!("r{n}.example")).unwrap();
                    write_to(path, &relay, &"token".into()).unwrap();
                });
            }
        });
        assert_eq!(table(&path).unwrap().len(), COUNT);
    }

    #[test]
    fn a_file_that_is_no_toml_is_neither_shown_nor_written_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(NAME);
        fs::write(&path, "token = cmr_sentinel\n").unwrap();
        let error = table(&path).unwrap_err().to_string();
        assert!(!error.contains("sentinel"), "{error}");
        let relay = relay_url("a.example").unwrap();
        assert!(write_to(&path, &relay, &"new".into()).is_err());
        assert!(forget_in(&path, &relay).is_err());
        assert!(fs::read_to_string(&path).unwrap().contains("sentinel"));
    }
}
