//! TLS: the one provider, and whom clients trust.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{
    ClientConfig, ConfigBuilder, ConfigSide, RootCertStore, WantsVerifier, WantsVersions,
};

/// Why certificates to trust cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RootsError {
    /// The file cannot be read, or is no PEM.
    #[error("cannot read certificates in `{}`: {why}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// There are none in it.
    #[error("there is no certificate in `{}`", .0.display())]
    None(PathBuf),
}

/// The provider. It is named here and nowhere else; two of them in one process panic.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// The start of a configuration of either side: which versions.
pub fn versions<S: ConfigSide>(
    builder: ConfigBuilder<S, WantsVersions>,
) -> ConfigBuilder<S, WantsVerifier> {
    let Ok(builder) = builder.with_safe_default_protocol_versions() else {
        unreachable!("ring knows TLS 1.2 and 1.3");
    };
    builder
}

/// A client that trusts these.
pub fn client(roots: RootCertStore) -> ClientConfig {
    versions(ClientConfig::builder_with_provider(provider()))
        .with_root_certificates(roots)
        .with_no_client_auth()
}

/// The system's certificates; Mozilla's where the system has none, as in a bare
/// container.
pub fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

/// The system's, and those in a PEM file.
///
/// # Errors
/// Where the file cannot be read, or has none.
pub fn roots_with(path: &Path) -> Result<RootCertStore, RootsError> {
    let read = |why: String| RootsError::Read {
        path: path.to_owned(),
        why,
    };
    let mut roots = system_roots();
    let mut count = 0;
    let found = CertificateDer::pem_file_iter(path).map_err(|error| read(error.to_string()))?;
    for certificate in found {
        let certificate = certificate.map_err(|error| read(error.to_string()))?;
        roots
            .add(certificate)
            .map_err(|error| read(error.to_string()))?;
        count += 1;
    }
    if count == 0 {
        return Err(RootsError::None(path.to_owned()));
    }
    Ok(roots)
}
