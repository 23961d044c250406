//! What `cmhook login` keeps: a file in the user's configuration folder, for the user alone,
//! with a table for each API.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use http::Uri;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};

use super::error::Trouble;
use super::tokens::Granted;
use crate::config::credentials::{save_table, table};
use crate::config::{shown_url, user_config_folder};
use crate::files::{self, FileError, lock};

const NAME: &str = "logins.toml";

/// No login takes more space.
const LONGEST: usize = 16 << 10;

const HEADING: &str = "Logins of `cmhook login`: whoever has these tokens has the account.";

/// A login that is kept.
#[derive(Debug, Clone)]
pub struct Login {
    /// Whose it is; `None` for a personal access token.
    pub email: Option<String>,
    /// Opens the account.
    pub access: SecretString,
    /// Gets another one.
    pub refresh: Option<SecretString>,
    /// Until when `access` is good; `None` where that is not known.
    pub expires_at: Option<Timestamp>,
}

impl Login {
    /// Of what the API gave to somebody.
    pub fn of(email: Option<String>, granted: Granted) -> Self {
        Self {
            email,
            access: granted.access,
            refresh: granted.refresh,
            expires_at: granted.expires_at,
        }
    }

    /// Whether both are of one user. Tokens say nothing of that, unless they are the same.
    pub(super) fn is_of_the_same(&self, other: &Self) -> bool {
        match (&self.email, &other.email) {
            (Some(own), Some(other)) => own == other,
            (None, None) => self.access.expose_secret() == other.access.expose_secret(),
            _ => false,
        }
    }
}

impl From<&Login> for Granted {
    fn from(login: &Login) -> Self {
        Self {
            access: login.access.clone(),
            refresh: login.refresh.clone(),
            expires_at: login.expires_at,
            accounts: Vec::new(),
        }
    }
}

/// The file; `None` for a user without a home.
pub fn path() -> Option<PathBuf> {
    user_config_folder().map(|folder| folder.join(NAME))
}

/// The login at an API.
///
/// # Errors
/// Where there is a file that cannot be read or understood.
pub fn read(api: &Uri) -> Result<Option<Login>, Trouble> {
    let Some(path) = path() else {
        return Ok(None);
    };
    Ok(login_in(&kept_in(&path)?, api))
}

fn login_in(table: &toml::Table, api: &Uri) -> Option<Login> {
    let own = table.get(&shown_url(api))?;
    let text = |name: &str| own.get(name).and_then(toml::Value::as_str);
    Some(Login {
        email: text("email").map(str::to_owned),
        access: text("access_token")?.into(),
        refresh: text("refresh_token").map(SecretString::from),
        expires_at: text("expires_at").and_then(|text| text.parse().ok()),
    })
}

/// Keeps a login, in place of the one before, and says where.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn write(api: &Uri, login: &Login) -> Result<PathBuf, Trouble> {
    let turn = Turn::take()?;
    turn.keep(api, login)?;
    Ok(turn.path)
}

/// Finds out whether a login could be kept, before somebody types a password in vain.
///
/// # Errors
/// Where the file cannot be read, or not be replaced.
pub fn check() -> Result<(), Trouble> {
    let turn = Turn::take()?;
    kept_in(&turn.path)?;
    turn.check()
}

fn locked(path: &Path, otherwise: impl Fn(FileError) -> Trouble) -> Result<File, Trouble> {
    lock(path).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => Trouble::Busy(error.to_string()),
        _ => otherwise(FileError::Write(path.to_owned(), error)),
    })
}

fn unkept(error: FileError) -> Trouble {
    Trouble::Unkept(format!("{:#}", anyhow::Error::from(error)))
}

fn kept_in(path: &Path) -> Result<toml::Table, Trouble> {
    table(path)
        .map_err(|error| Trouble::Logins(format!("cannot read `{}`: {error}", path.display())))
}

fn write_to(path: &Path, api: &Uri, login: &Login) -> Result<(), Trouble> {
    let mut all = kept_in(path)?;
    let mut own = toml::Table::new();
    let mut put = |name: &str, text: Option<String>| {
        if let Some(text) = text {
            own.insert(name.into(), text.into());
        }
    };
    put("email", login.email.clone());
    put("access_token", Some(login.access.expose_secret().into()));
    let refresh = login.refresh.as_ref();
    put("refresh_token", refresh.map(|t| t.expose_secret().into()));
    put("expires_at", login.expires_at.map(|time| time.to_string()));
    all.insert(shown_url(api), own.into());
    save_table(path, HEADING, &all).map_err(unkept)
}

/// Forgets the login at an API, and says whether there was one.
///
/// # Errors
/// Where the file cannot be read or written.
pub fn forget(api: &Uri) -> Result<bool, Trouble> {
    let path = path_or_error()?;
    if !path.exists() {
        return Ok(false);
    }
    let not_forgotten = |error| Trouble::Logins(format!("{:#}", anyhow::Error::from(error)));
    let _lock = locked(&path, not_forgotten)?;
    files::sweep(&path);
    let mut all = kept_in(&path)?;
    if all.remove(&shown_url(api)).is_none() {
        return Ok(false);
    }
    save_table(&path, HEADING, &all).map_err(not_forgotten)?;
    Ok(true)
}

/// A turn to change the file: no other process does so until it is dropped.
pub(super) struct Turn {
    path: PathBuf,
    _lock: File,
}

impl Turn {
    /// Waits for it.
    pub(super) fn take() -> Result<Self, Trouble> {
        let path = path_or_error()?;
        let lock = locked(&path, unkept)?;
        files::sweep(&path);
        Ok(Self { path, _lock: lock })
    }

    /// Finds out whether another login could be kept.
    pub(super) fn check(&self) -> Result<(), Trouble> {
        files::try_to_write(&self.path, LONGEST).map_err(unkept)
    }

    /// Keeps a login.
    pub(super) fn keep(&self, api: &Uri, login: &Login) -> Result<(), Trouble> {
        write_to(&self.path, api, login)
    }
}

fn path_or_error() -> Result<PathBuf, Trouble> {
    path().ok_or_else(|| Trouble::Unkept("there is no home folder".into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::api_url;

    #[test]
    fn a_login_is_kept_for_its_api_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("cmhook").join(NAME);
        let (one, other) = (api_url("a.example").unwrap(), api_url("b.example").unwrap());
        let login = Login {
            email: Some("me@example.com".into()),
            access: "access \"'".into(),
            refresh: Some("refresh".into()),
            expires_at: Some("2026-11-28T12:00:00Z".parse().unwrap()),
        };
        write_to(&path, &one, &login).unwrap();
        let bare = Login {
            email: None,
            refresh: None,
            expires_at: None,
            ..login.clone()
        };
        write_to(&path, &other, &bare).unwrap();
        let all = table(&path).unwrap();
        let read = login_in(&all, &one).unwrap();
        assert_eq!(read.email.as_deref(), Some("me@example.com"));
        assert_eq!(read.access.expose_secret(), "access \"'");
        assert_eq!(read.refresh.unwrap().expose_secret(), "refresh");
        assert_eq!(read.expires_at, login.expires_at);
        let read = login_in(&all, &other).unwrap();
        assert!(read.email.is_none() && read.refresh.is_none() && read.expires_at.is_none());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        assert!(!format!("{login:?}").contains("refresh\""), "{login:?}");
    }
}
