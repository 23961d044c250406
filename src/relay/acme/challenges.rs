//! Proofs that a certificate authority may ask for, while an order is under way.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rcgen::{CertificateParams, CustomExtension, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::sign::CertifiedKey;

use crate::http::tls;

/// Where answers of HTTP-01 are asked for, RFC 8555, 8.3.
pub const PATH: &str = "/.well-known/acme-challenge/";

/// The proofs; clones are handles on the same ones.
#[derive(Clone, Default)]
pub struct Challenges(Arc<Mutex<Proofs>>);

#[derive(Default)]
struct Proofs {
    /// By token.
    answers: HashMap<String, String>,
    /// By name.
    certificates: HashMap<String, Arc<CertifiedKey>>,
}

impl fmt::Debug for Challenges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenges").finish_non_exhaustive()
    }
}

impl Challenges {
    /// The answer to a GET of this path on plain HTTP, which is `text/plain`; `None` where
    /// nothing like that was asked for.
    pub fn answer(&self, path: &str) -> Option<String> {
        let token = path.strip_prefix(PATH)?;
        self.proofs().answers.get(token).cloned()
    }

    /// The certificate that proves control of a name over TLS.
    pub(in crate::relay) fn certificate(&self, name: &str) -> Option<Arc<CertifiedKey>> {
        self.proofs().certificates.get(name).cloned()
    }

    /// Has an answer given until the proof is dropped.
    pub(super) fn prove_by_http(&self, token: &str, answer: &str) -> Proof {
        let mut proofs = self.proofs();
        proofs.answers.insert(token.to_owned(), answer.to_owned());
        Proof {
            challenges: self.clone(),
            key: Key::Token(token.to_owned()),
        }
    }

    /// Has a certificate shown until the proof is dropped.
    ///
    /// # Errors
    /// Where none can be made, as for what is no host name.
    pub(super) fn prove_by_tls(&self, name: &str, digest: &[u8]) -> Result<Proof, String> {
        let certificate = certificate(name, digest)?;
        let mut proofs = self.proofs();
        proofs
            .certificates
            .insert(name.to_owned(), Arc::new(certificate));
        Ok(Proof {
            challenges: self.clone(),
            key: Key::Name(name.to_owned()),
        })
    }

    fn proofs(&self) -> MutexGuard<'_, Proofs> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// RFC 8737, 3: signed by itself, with the digest in an extension.
fn certificate(name: &str, digest: &[u8]) -> Result<CertifiedKey, String> {
    let text = |error: rcgen::Error| error.to_string();
    if digest.len() != 32 {
        return Err("the proof is no SHA-256".to_owned());
    }
    let mut params = CertificateParams::new([name.to_owned()]).map_err(text)?;
    params.custom_extensions = vec![CustomExtension::new_acme_identifier(digest)];
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.self_signed(&key).map_err(text)?;
    let private = PrivateKeyDer::try_from(key.serialize_der())?;
    let provider = tls::provider();
    let private = provider.key_provider.load_private_key(private);
    // Not `from_der`: it knows no certificate with an extension that it does not know.
    Ok(CertifiedKey::new(
        vec![certificate.der().clone()],
        private.map_err(|error| error.to_string())?,
    ))
}

/// A proof that is given as long as this lives.
pub(super) struct Proof {
    challenges: Challenges,
    key: Key,
}

enum Key {
    Token(String),
    Name(String),
}

impl Drop for Proof {
    fn drop(&mut self) {
        let mut proofs = self.challenges.proofs();
        match &self.key {
            Key::Token(token) => drop(proofs.answers.remove(token)),
            Key::Name(name) => drop(proofs.certificates.remove(name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proofs_are_given_as_long_as_they_live() {
        let challenges = Challenges::default();
        let proof = challenges.prove_by_http("token", "token.key");
        let asked = format!("{PATH}token");
        assert_eq!(challenges.answer(&asked).as_deref(), Some("token.key"));
        for other in [
            "",
            "/token",
            PATH,
            &format!("{asked}/"),
            &format!("/x{asked}"),
        ] {
            assert_eq!(challenges.answer(other), None, "{other}");
        }
        drop(proof);
        assert_eq!(challenges.answer(&asked), None);
        let proof = challenges.prove_by_tls("a.example", &[7; 32]);
        assert!(proof.is_ok() && challenges.certificate("a.example").is_some());
        assert!(challenges.certificate("b.example").is_none());
        drop(proof);
        assert!(challenges.certificate("a.example").is_none());
        assert!(challenges.prove_by_tls("a.example", &[7; 3]).is_err());
    }
}
