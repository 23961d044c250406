//! TLS on the relay's public side.
//!
//! The certificate is behind a lock: whoever renews it puts the new one there, and the next
//! handshake has it.

mod pair;
#[cfg(test)]
mod tests;
mod validity;
mod watch;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use jiff::Timestamp;
use rustls::ServerConfig;
use rustls::client::verify_server_name;
use rustls::pki_types::ServerName;
use rustls::server::{ClientHello, ParsedCertificate, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::acme::{self, AcmeError, Challenges};
use crate::http::tls;

pub use pair::{Pair, PairError};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The protocol of a certificate authority that wants proof, RFC 8737.
pub(super) const CHALLENGE: &[u8] = b"acme-tls/1";

/// What makes TLS connections of TCP ones. Clones have the same certificate.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    shown: Arc<Shown>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").finish_non_exhaustive()
    }
}

impl Tls {
    /// With the certificate in these PEM files, which should be for this host and are read
    /// again when they change, until `stop`. Within a runtime.
    ///
    /// # Errors
    /// Where they cannot be read or do not fit each other.
    pub fn from_files(
        certificate: &Path,
        key: &Path,
        host: &str,
        stop: &CancellationToken,
    ) -> Result<Self, PairError> {
        let files = watch::Files::new(certificate, key, host);
        // Before the files, so that what changes in between is read again.
        let stamp = files.stamp();
        let pair = files.load()?;
        pair.warn(certificate, host);
        let tls = Self::new(None);
        tls.shown.set(pair);
        let shown = Arc::clone(&tls.shown);
        tokio::spawn(watch::run(files, stamp, shown, stop.clone()));
        Ok(tls)
    }

    /// With a certificate that an ACME authority gives: the one that is in the data folder,
    /// if there is, and a new one in time, until `stop`. Within a runtime.
    ///
    /// # Errors
    /// Where the settings cannot be used, or what is in the folder cannot be read. That there
    /// is no certificate yet is no error: see [`Tls::is_ready`].
    pub fn from_acme(
        settings: acme::Settings,
        stop: &CancellationToken,
    ) -> Result<Self, AcmeError> {
        let challenges = Challenges::default();
        let tls = Self::new(Some(challenges.clone()));
        let shown = Arc::clone(&tls.shown);
        acme::start(settings, challenges, shown, stop)?;
        Ok(tls)
    }

    fn new(challenges: Option<Challenges>) -> Self {
        let shown = Arc::new(Shown {
            pair: RwLock::default(),
            challenges,
        });
        let resolver = Arc::clone(&shown);
        let mut config = tls::versions(ServerConfig::builder_with_provider(tls::provider()))
            .with_no_client_auth()
            .with_cert_resolver(resolver);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        if shown.challenges.is_some() {
            config.alpn_protocols.push(CHALLENGE.to_vec());
        }
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            shown,
        }
    }

    /// What a certificate authority may ask for over plain HTTP; `None` where there is none.
    pub fn challenges(&self) -> Option<Challenges> {
        self.shown.challenges.clone()
    }

    /// Whether there is a certificate.
    pub fn is_ready(&self) -> bool {
        self.shown.pair().is_some()
    }

    /// Until when the certificate is good, where there is one and that can be read.
    pub fn until(&self) -> Option<Timestamp> {
        self.shown.pair()?.until()
    }

    /// Whether the certificate is for this host; `true` where there is none yet.
    pub fn covers(&self, host: &str) -> bool {
        self.shown.pair().is_none_or(|pair| pair.covers(host))
    }

    /// Makes a TLS connection.
    ///
    /// # Errors
    /// Where the other side does not speak TLS, or not soon enough; and, once it is
    /// answered, where it is a certificate authority that wants nothing but proof.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(
        &self,
        stream: S,
    ) -> io::Result<TlsStream<S>> {
        let shaken = timeout(HANDSHAKE, self.acceptor.accept(stream)).await;
        let mut stream =
            shaken.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "no TLS handshake"))??;
        if stream.get_ref().1.alpn_protocol() == Some(CHALLENGE) {
            let _ = timeout(HANDSHAKE, stream.shutdown()).await;
            let why = "a certificate authority, which has its proof";
            return Err(io::Error::new(io::ErrorKind::ConnectionAborted, why));
        }
        Ok(stream)
    }
}

/// What is shown to whoever connects.
pub(super) struct Shown {
    pair: RwLock<Option<Arc<Pair>>>,
    challenges: Option<Challenges>,
}

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shown").finish_non_exhaustive()
    }
}

impl Shown {
    pub(super) fn set(&self, pair: Pair) {
        *self.pair.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(pair));
    }

    fn pair(&self) -> Option<Arc<Pair>> {
        let pair = self.pair.read().unwrap_or_else(PoisonError::into_inner);
        pair.clone()
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        // A client that speaks something else too wants the certificate.
        let is_challenge = hello.alpn().is_some_and(|mut offered| {
            offered.next() == Some(CHALLENGE) && offered.next().is_none()
        });
        if is_challenge {
            return self.challenges.as_ref()?.certificate(hello.server_name()?);
        }
        Some(Arc::clone(&self.pair()?.key))
    }
}

impl Pair {
    fn covers(&self, host: &str) -> bool {
        let (Ok(name), Some(first)) = (ServerName::try_from(host), self.key.cert.first()) else {
            return false;
        };
        ParsedCertificate::try_from(first)
            .is_ok_and(|cert| verify_server_name(&cert, &name).is_ok())
    }
}
