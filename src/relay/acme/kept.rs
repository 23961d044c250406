//! What of it is kept in the data folder: the account, and the certificate with its key.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use instant_acme::AccountCredentials;
use sha2::{Digest as _, Sha256};

use super::AcmeError;
use crate::files;
use crate::relay::tls::Pair;

/// The files of one authority.
#[derive(Debug, Clone)]
pub(super) struct Kept {
    folder: PathBuf,
}

impl Kept {
    /// Those for a directory's URL: what another authority gave, such as one that is there to
    /// try things out, is not taken for this one's.
    pub(super) fn new(data: &Path, directory: &str) -> Self {
        let digest = Sha256::digest(directory);
        let folder = data.join("acme").join(hex::encode(&digest[..6]));
        Self { folder }
    }

    /// The account; `None` where there is none yet.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub(super) fn account(&self) -> Result<Option<AccountCredentials>, AcmeError> {
        let path = self.folder.join("account.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(&path, error.to_string())),
        };
        let account = serde_json::from_slice(&text);
        account
            .map(Some)
            .map_err(|error| unreadable(&path, error.to_string()))
    }

    /// Writes the account.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub(super) fn keep_account(&self, account: &AccountCredentials) -> Result<(), AcmeError> {
        let text =
            serde_json::to_vec(account).map_err(|error| AcmeError::Failed(error.to_string()))?;
        self.write("account.json", &text)
    }

    /// The certificate for this host; `None` where there is none yet.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub(super) fn pair(&self, host: &str) -> Result<Option<Pair>, AcmeError> {
        let path = self.folder.join(format!("{host}.pem"));
        if !path.exists() {
            return Ok(None);
        }
        let pair = Pair::load(&path, &path);
        pair.map(Some).map_err(AcmeError::Pair)
    }

    /// Writes the certificate and its key, into one file so that they always fit each other.
    ///
    /// # Errors
    /// Where it cannot be written, or what was written cannot be used.
    pub(super) fn keep_pair(&self, host: &str, key: &str, chain: &str) -> Result<Pair, AcmeError> {
        self.write(&format!("{host}.pem"), format!("{key}{chain}").as_bytes())?;
        self.pair(host)?
            .ok_or_else(|| AcmeError::Failed("the certificate is not where it was written".into()))
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<(), AcmeError> {
        files::create_folder(&self.folder).map_err(AcmeError::Write)?;
        let path = self.folder.join(name);
        let written = files::write(&path, true, |file| {
            file.write_all(content)?;
            file.flush()?;
            file.get_ref().sync_all()
        });
        written.map_err(AcmeError::Write)
    }
}

fn unreadable(path: &Path, why: String) -> AcmeError {
    AcmeError::Kept {
        path: path.to_owned(),
        why,
    }
}
