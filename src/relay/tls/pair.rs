//! A certificate and its key.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys};

use super::validity::validity;
use crate::http::tls;

/// Why a certificate and a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PairError {
    /// The operating system said no.
    #[error("cannot read `{}`: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What it said.
        why: String,
    },
    /// There is no certificate.
    #[error("there is no certificate in `{}`", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key.
    #[error("there is no private key in `{}`", .0.display())]
    NoKey(PathBuf),
    /// The key has a password.
    #[error("the private key in `{}` is encrypted", .0.display())]
    Encrypted(PathBuf),
    /// The key is another certificate's.
    #[error("the private key in `{}` is not that of the certificate in `{}`", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
    },
    /// One of them is broken, or of a kind that is not known.
    #[error("the certificate in `{}` with the key in `{}` cannot be used: {why}", certificate.display(), key.display())]
    Bad {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
        /// What is wrong.
        why: String,
    },
}

impl PairError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Read { .. } => "check its name, and that the relay's user may read it",
            Self::NoCertificate(_) => {
                "`--tls-cert` takes a PEM file: the certificate first, then those in between"
            }
            Self::NoKey(_) => {
                "`--tls-key` takes a PEM file with a `PRIVATE KEY`, `RSA PRIVATE KEY` or `EC PRIVATE KEY`"
            }
            Self::Encrypted(_) => {
                "take the password off: `openssl pkey -in KEY -out PLAIN`, and `chmod 600 PLAIN`"
            }
            Self::Mismatch { .. } => {
                "give the two that were made together; the server's certificate has to stand first in its file"
            }
            Self::Bad { .. } => "RSA, P-256, P-384 and Ed25519 keys can be used",
        }
    }
}

/// A certificate with those that vouch for it, and its key.
#[derive(Debug)]
pub struct Pair {
    pub(super) key: Arc<CertifiedKey>,
    /// From when to when it is good, where that can be read.
    pub(super) good: Option<(Timestamp, Timestamp)>,
}

impl Pair {
    /// From PEM in files, which may be one and the same.
    ///
    /// # Errors
    /// Where they cannot be read or do not fit each other.
    pub fn load(certificate: &Path, key: &Path) -> Result<Self, PairError> {
        let read = |path: &Path| {
            std::fs::read(path).map_err(|error: io::Error| PairError::Read {
                path: path.to_owned(),
                why: error.to_string(),
            })
        };
        Self::parse((certificate, &read(certificate)?), (key, &read(key)?))
    }

    fn parse(
        (certificate, certificates): (&Path, &[u8]),
        (key, keys): (&Path, &[u8]),
    ) -> Result<Self, PairError> {
        let bad = |why: String| PairError::Bad {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
            why,
        };
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificates).collect();
        let chain = chain.map_err(|error| bad(error.to_string()))?;
        if chain.is_empty() {
            return Err(PairError::NoCertificate(certificate.to_owned()));
        }
        let private = PrivateKeyDer::from_pem_slice(keys).map_err(|_| {
            let encrypted = b"BEGIN ENCRYPTED PRIVATE KEY";
            let old = b"Proc-Type: 4,ENCRYPTED";
            let has = |part: &[u8]| keys.windows(part.len()).any(|window| window == part);
            if has(encrypted) || has(old) {
                PairError::Encrypted(key.to_owned())
            } else {
                PairError::NoKey(key.to_owned())
            }
        })?;
        let good = chain.first().and_then(|first| validity(first));
        match CertifiedKey::from_der(chain, private, &tls::provider()) {
            Ok(found) => Ok(Self {
                key: Arc::new(found),
                good,
            }),
            Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(PairError::Mismatch {
                    certificate: certificate.to_owned(),
                    key: key.to_owned(),
                })
            }
            Err(error) => Err(bad(error.to_string())),
        }
    }

    /// Says in the log what is allowed and probably not meant.
    pub(super) fn warn(&self, path: &Path, host: &str) {
        if !self.covers(host) {
            let path = path.display();
            tracing::warn!(%path, "the certificate is not for {host}: agents will refuse it");
        }
        let now = Timestamp::now();
        let path = path.display();
        match self.good {
            Some((_, until)) if until < now => {
                tracing::warn!(%path, %until, "the certificate has expired");
            }
            Some((from, _)) if from > now => {
                tracing::warn!(%path, %from, "the certificate is not good yet");
            }
            _ => {}
        }
    }

    /// When two thirds of its life are over; `None` where that cannot be read.
    pub(in crate::relay) fn renew_at(&self) -> Option<Timestamp> {
        let (from, until) = self.good?;
        let life = until.duration_since(from);
        Some(from + life / 3 * 2)
    }

    /// Until when it is good.
    pub(in crate::relay) fn until(&self) -> Option<Timestamp> {
        self.good.map(|(_, until)| until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    fn made(names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.not_before = date_time_ymd(2026, 1, 1);
        params.not_after = date_time_ymd(2050, 1, 4);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    fn parse(certificate: &str, key: &str) -> Result<Pair, PairError> {
        Pair::parse(
            (Path::new("c.pem"), certificate.as_bytes()),
            (Path::new("k.pem"), key.as_bytes()),
        )
    }

    #[test]
    fn what_fits_is_taken_and_what_does_not_is_named() {
        let (certificate, key) = made(&["a.example"]);
        let (_, other) = made(&["a.example"]);
        let pair = parse(&certificate, &key).unwrap();
        let (from, until) = pair.good.unwrap();
        assert_eq!(from, "2026-01-01T00:00:00Z".parse().unwrap());
        assert_eq!(until, "2050-01-04T00:00:00Z".parse().unwrap());
        assert_eq!(
            pair.renew_at().unwrap(),
            from + until.duration_since(from) / 3 * 2
        );
        assert!(
            parse(
                &format!("{certificate}{key}"),
                &format!("{certificate}{key}")
            )
            .is_ok()
        );
        assert!(matches!(
            parse(&certificate, &other),
            Err(PairError::Mismatch { .. })
        ));
        assert!(matches!(parse("", &key), Err(PairError::NoCertificate(_))));
        assert!(matches!(parse(&certificate, ""), Err(PairError::NoKey(_))));
        let encrypted = key.replace("PRIVATE", "ENCRYPTED PRIVATE");
        assert!(matches!(
            parse(&certificate, &encrypted),
            Err(PairError::Encrypted(_))
        ));
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert!(matches!(parse(broken, &key), Err(PairError::Bad { .. })));
    }

    #[test]
    fn hosts_are_those_of_the_certificate() {
        let (certificate, key) = made(&["hooks.example", "*.hooks.example"]);
        let pair = parse(&certificate, &key).unwrap();
        for (host, covered) in [
            ("hooks.example", true),
            ("a.hooks.example", true),
            ("a.b.hooks.example", false),
            ("example", false),
        ] {
            assert_eq!(pair.covers(host), covered, "{host}");
        }
    }
}
