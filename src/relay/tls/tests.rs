//! Certificates in files, as clients see them.

use std::path::PathBuf;
use std::time::Duration;

use rcgen::{CertificateParams, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
use tokio_rustls::TlsConnector;

use super::*;

const HOST: &str = "hooks.example";

struct Files {
    folder: TempDir,
}

impl Files {
    fn new() -> (Self, CertificateDer<'static>) {
        let files = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let made = files.renew();
        (files, made)
    }

    fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// Writes a new certificate, and after a while its key.
    fn renew(&self) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new([HOST.to_owned()]).unwrap();
        let certificate = params.self_signed(&key).unwrap();
        std::fs::write(self.certificate(), certificate.pem()).unwrap();
        std::fs::write(self.key(), key.serialize_pem()).unwrap();
        certificate.der().clone()
    }

    fn open(&self, stop: &CancellationToken) -> Result<Tls, PairError> {
        Tls::from_files(&self.certificate(), &self.key(), HOST, stop)
    }
}

/// A client that trusts this certificate.
fn client(trusted: &CertificateDer<'static>, alpn: &[&str]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let mut config = tls::client(roots);
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    config
}

/// What a client and the server agree on, once each has read a byte of the other.
async fn agree(tls: &Tls, config: ClientConfig) -> io::Result<Option<Vec<u8>>> {
    let (near, far) = duplex(1 << 14);
    let server = async {
        let mut stream = tls.accept(far).await?;
        let byte = stream.read_u8().await?;
        stream.write_u8(byte).await?;
        stream.flush().await
    };
    let client = async {
        let name = ServerName::try_from(HOST).unwrap();
        let connector = TlsConnector::from(Arc::new(config));
        let mut stream = connector.connect(name, near).await?;
        stream.write_u8(7).await?;
        stream.flush().await?;
        assert_eq!(stream.read_u8().await?, 7);
        Ok(stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec))
    };
    let (done, spoken) = tokio::join!(server, client);
    done.and(spoken)
}

async fn serves(tls: &Tls, trusted: &CertificateDer<'static>) -> bool {
    agree(tls, client(trusted, &[])).await.is_ok()
}

#[tokio::test]
async fn both_protocols_are_spoken_and_no_proof_is_given() {
    let (files, made) = Files::new();
    let stop = CancellationToken::new();
    let tls = files.open(&stop).unwrap();
    for (offered, wanted) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&[], None),
    ] {
        let spoken = agree(&tls, client(&made, offered)).await.unwrap();
        assert_eq!(spoken.as_deref(), wanted.map(str::as_bytes));
    }
    assert!(agree(&tls, client(&made, &["acme-tls/1"])).await.is_err());
    assert!(tls.challenges().is_none() && tls.is_ready() && tls.covers(HOST));
    stop.cancel();
}

#[tokio::test]
async fn files_that_change_are_read_again_unless_they_are_no_good() {
    let (files, first) = Files::new();
    let stop = CancellationToken::new();
    let tls = files.open(&stop).unwrap();
    let second = files.renew();
    let soon = Duration::from_secs(10);
    let wait_for = async |made: &CertificateDer<'static>| {
        let seen = async {
            while !serves(&tls, made).await {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        timeout(soon, seen).await.unwrap();
    };
    wait_for(&second).await;
    assert!(!serves(&tls, &first).await);
    // The key is another certificate's, as for a moment while both are written.
    let key = KeyPair::generate().unwrap().serialize_pem();
    std::fs::write(files.key(), key).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    assert!(serves(&tls, &second).await);
    std::fs::remove_file(files.certificate()).unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(serves(&tls, &second).await);
    let third = files.renew();
    wait_for(&third).await;
    stop.cancel();
}

#[tokio::test]
async fn what_does_not_fit_is_refused_at_the_start() {
    let (files, _) = Files::new();
    let stop = CancellationToken::new();
    std::fs::write(files.key(), KeyPair::generate().unwrap().serialize_pem()).unwrap();
    assert!(matches!(files.open(&stop), Err(PairError::Mismatch { .. })));
    std::fs::remove_file(files.key()).unwrap();
    assert!(matches!(files.open(&stop), Err(PairError::Read { .. })));
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_let_go() {
    let tls = Tls::new(None);
    let (_near, far) = duplex(64);
    let started = tokio::time::Instant::now();
    let error = tls.accept(far).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    assert_eq!(started.elapsed().as_secs(), HANDSHAKE.as_secs());
}
