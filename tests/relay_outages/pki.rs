//! A certificate authority of the test's.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new(name: &str) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new([]).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(DnType::CommonName, name);
        let pem = params.self_signed(&key).expect("a certificate").pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
        }
    }

    /// Writes its own certificate there, for those who are to trust it.
    pub fn write(&self, path: &Path) {
        fs::write(path, &self.pem).expect("a file");
    }

    /// Writes `cert.pem` and `key.pem` for a host.
    pub fn certify(&self, folder: &Path, certificate: &CertificateParams) {
        let key = KeyPair::generate().expect("a key");
        let signed = certificate.signed_by(&key, &self.issuer);
        write_pair(folder, &signed.expect("a certificate").pem(), &key);
    }
}

/// What is asked for in the certificate of a host.
pub fn host(name: &str) -> CertificateParams {
    CertificateParams::new([name.to_owned()]).expect("a name")
}

/// The same, signed by nobody but itself.
pub fn self_signed(folder: &Path, certificate: &CertificateParams) {
    let key = KeyPair::generate().expect("a key");
    let signed = certificate.self_signed(&key).expect("a certificate");
    write_pair(folder, &signed.pem(), &key);
}

/// Each file is there whole or not at all.
fn write_pair(folder: &Path, certificate: &str, key: &KeyPair) {
    for (name, text) in [("cert.pem", certificate), ("key.pem", &key.serialize_pem())] {
        let new = folder.join("new.pem");
        fs::write(&new, text).expect("a file");
        fs::rename(&new, folder.join(name)).expect("the same folder");
    }
}
