//! Where a relay's certificate comes from.

use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::error::mistake;
use crate::cli::RelayServeArgs;
use crate::config::ConfigError;
use crate::relay::Options;
use crate::relay::acme::{self, By};
use crate::relay::tls::Tls;

/// Where the certificate comes from.
pub(super) enum Certificate {
    Files { chain: PathBuf, key: PathBuf },
    Acme(AcmeArgs),
}

pub(super) struct AcmeArgs {
    email: String,
    directory: String,
    ca: Option<PathBuf>,
}

impl Certificate {
    pub(super) fn of(args: &RelayServeArgs) -> Result<Option<Self>, ConfigError> {
        let tls = &args.tls;
        if let (Some(chain), Some(key)) = (&tls.tls_cert, &tls.tls_key) {
            let (chain, key) = (chain.clone(), key.clone());
            return Ok(Some(Self::Files { chain, key }));
        }
        let Some(email) = &tls.acme else {
            return Ok(None);
        };
        if !email.contains('@') {
            return Err(mistake(
                format!("`--acme {}` is not an e-mail address", email.escape_debug()),
                "give the address that Let's Encrypt may write to",
            ));
        }
        let directory = tls.acme_directory.as_deref().unwrap_or(acme::LETS_ENCRYPT);
        Ok(Some(Self::Acme(AcmeArgs {
            email: email.clone(),
            directory: directory.to_owned(),
            ca: tls.acme_ca.clone(),
        })))
    }

    /// Reads it, or begins to get it.
    pub(super) fn tls(
        self,
        options: &Options,
        has_http: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<Tls> {
        match self {
            Self::Files { chain, key } => {
                let host = options.domain.host();
                Ok(Tls::from_files(&chain, &key, host, stop)?)
            }
            Self::Acme(args) => {
                let mut by = vec![By::Tls];
                by.extend(has_http.then_some(By::Http));
                let settings = acme::Settings {
                    host: options.domain.host().to_owned(),
                    email: args.email,
                    directory: args.directory,
                    ca: args.ca,
                    data: options.data.clone(),
                    by,
                    retry: acme::Settings::RETRY,
                };
                Ok(Tls::from_acme(settings, stop)?)
            }
        }
    }
}
