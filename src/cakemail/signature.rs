//! Making and checking Cakemail's signatures.
//!
//! A signature is HMAC-SHA256 over the exact bytes of the body, keyed with the
//! webhook's secret as UTF-8 text. There is no timestamp in it. Where it stands and
//! how it is encoded differs between Cakemail's documents, see [`Scheme`].

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use crate::delivery::Scheme;

/// An HMAC-SHA256 digest.
pub type Digest = [u8; 32];

/// A webhook's secret. It prints as its label only.
#[derive(Clone)]
pub struct Secret {
    label: Arc<str>,
    event: Option<Arc<str>>,
    value: SecretString,
    // The key schedule, made once: it is half the work of signing a small body.
    keyed: Hmac<Sha256>,
}

/// An empty secret signs nothing: anybody could.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the secret is empty")]
pub struct EmptySecret;

impl Secret {
    /// A secret taken as it is, character for character.
    ///
    /// # Errors
    /// Where `value` is empty.
    pub fn new(label: &str, event: Option<&str>, value: &str) -> Result<Self, EmptySecret> {
        if value.is_empty() {
            return Err(EmptySecret);
        }
        Ok(Self {
            label: label.into(),
            event: event.map(Into::into),
            value: SecretString::from(value),
            keyed: keyed(value.as_bytes()),
        })
    }

    /// The name to show in its place.
    pub fn label(&self) -> &Arc<str> {
        &self.label
    }

    /// The event whose webhook has this secret, if that is known.
    pub fn event(&self) -> Option<&str> {
        self.event.as_deref()
    }

    /// The digest of `body` under this secret.
    pub fn digest(&self, body: &[u8]) -> Digest {
        self.keyed
            .clone()
            .chain_update(body)
            .finalize()
            .into_bytes()
            .into()
    }

    /// The value of the scheme's header for `body`.
    pub fn sign(&self, scheme: Scheme, body: &[u8]) -> String {
        encode(scheme, &self.digest(body))
    }

    /// Whether both are the same secret, whatever their labels. Compared in constant time.
    pub fn is_same(&self, other: &Self) -> bool {
        let (own, other) = (self.expose().as_bytes(), other.expose().as_bytes());
        own.ct_eq(other).into()
    }

    /// The secret itself, for the diagnosis of secrets that are nearly right.
    pub(super) fn expose(&self) -> &str {
        self.value.expose_secret()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secret")
            .field("label", &self.label)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

/// An HMAC-SHA256 state for that key.
pub(super) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    match Hmac::new_from_slice(key) {
        Ok(keyed) => keyed,
        Err(_) => unreachable!("HMAC takes keys of every length"),
    }
}

/// A digest as the scheme's header writes it.
pub fn encode(scheme: Scheme, digest: &Digest) -> String {
    match scheme {
        Scheme::CakemailHex => hex::encode(digest),
        Scheme::CakemailBase64 | Scheme::ApiBase64 => STANDARD.encode(digest),
    }
}

/// What a signature header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim<'a> {
    /// The header's name as the documents write it, or that of a header which is none of
    /// theirs. `None` where only its value is known: then it may be any of them.
    pub header: Option<&'a str>,
    /// Its value as it came.
    pub value: &'a [u8],
}

impl Claim<'_> {
    /// The scheme and digest, if the value is written as one of the documents says.
    pub(super) fn documented(&self) -> Option<(Scheme, Digest)> {
        Scheme::ALL
            .into_iter()
            .filter(|scheme| self.header.is_none_or(|header| header == scheme.header()))
            .find_map(|scheme| Some((scheme, decode(scheme, self.value)?)))
    }

    /// Whether it stands where one of the documents says.
    pub(super) fn is_documented(&self) -> bool {
        let of = |scheme: Scheme| self.header.is_none_or(|header| header == scheme.header());
        Scheme::ALL.into_iter().any(of)
    }

    /// What to call it.
    pub(super) fn name(&self) -> &str {
        self.header.unwrap_or("the signature")
    }
}

fn decode(scheme: Scheme, value: &[u8]) -> Option<Digest> {
    let mut digest = Digest::default();
    match scheme {
        Scheme::CakemailHex => {
            let lower = value.iter().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            hex::decode_to_slice(value, &mut digest).ok()?;
            lower.then_some(digest)
        }
        Scheme::CakemailBase64 | Scheme::ApiBase64 => STANDARD.decode(value).ok()?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cakemail::verify::verify;
    use crate::delivery::{Headers, Verdict};
    use proptest::prelude::*;
    use sha2::Digest as _;

    /// HMAC from its definition (RFC 2104), sharing no code with the crate.
    fn by_definition(key: &[u8], body: &[u8]) -> Digest {
        let mut block = [0u8; 64];
        if key.len() > 64 {
            block[..32].copy_from_slice(&Sha256::digest(key));
        } else {
            block[..key.len()].copy_from_slice(key);
        }
        let inner = Sha256::new()
            .chain_update(block.map(|b| b ^ 0x36))
            .chain_update(body)
            .finalize();
        Sha256::new()
            .chain_update(block.map(|b| b ^ 0x5c))
            .chain_update(inner)
            .finalize()
            .into()
    }

    fn secret(label: &str, value: &str) -> Secret {
        Secret::new(label, None, value).unwrap()
    }

    fn signed(header: &str, value: &str) -> Headers {
        [("content-type", "application/json"), (header, value)]
            .into_iter()
            .collect()
    }

    #[test]
    fn rfc_4231_vectors() {
        // Test cases 1 to 4, 6 and 7; case 5 is below.
        for (key, data, digest) in [
            (
                vec![0x0b; 20],
                b"Hi There".to_vec(),
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe".to_vec(),
                b"what do ya want for nothing?".to_vec(),
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                vec![0xaa; 20],
                vec![0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                (0x01..=0x19).collect(),
                vec![0xcd; 50],
                "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
            ),
            (
                vec![0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First".to_vec(),
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                vec![0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size data. The key needs to be hashed before being used by the HMAC algorithm.".to_vec(),
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ] {
            let made: Digest = keyed(&key).chain_update(&data).finalize().into_bytes().into();
            assert_eq!(hex::encode(made), digest);
            assert_eq!(hex::encode(by_definition(&key, &data)), digest);
        }
        // Case 5 is the start of a digest, which is right and still no signature.
        let made = keyed(&[0x0c; 20])
            .chain_update(b"Test With Truncation")
            .finalize();
        let start = "a3b6167473100ee06e0c796c2955552b";
        assert_eq!(hex::encode(&made.into_bytes()[..16]), start);
        let secrets = [secret("five", &"\x0c".repeat(20))];
        let headers = signed("X-Cakemail-Signature", start);
        let verdict = verify(&secrets, &headers, b"Test With Truncation");
        assert_eq!(verdict.status(), "invalid", "{verdict:?}");
    }

    #[test]
    fn every_scheme_right_wrong_missing_and_malformed() {
        let body = br#"{"event":"email.opened","data":{"url":"https:\/\/example.com"}}"#;
        let secrets = [secret("old", "whsec_old"), secret("new", "whsec_new")];
        for scheme in Scheme::ALL {
            let right = secrets[1].sign(scheme, body);
            assert_eq!(
                verify(&secrets, &signed(scheme.header(), &right), body),
                Verdict::Valid {
                    scheme,
                    secret: "new".into()
                }
            );
            let wrong = secret("x", "other").sign(scheme, body);
            for value in [&wrong, &right.to_uppercase(), &right[..40], "", "nonsense"] {
                let verdict = verify(&secrets, &signed(scheme.header(), value), body);
                assert_eq!(verdict.status(), "invalid", "{scheme} {value}: {verdict:?}");
            }
            let changed = [body.as_slice(), b"\n"].concat();
            assert_eq!(
                verify(&secrets, &signed(scheme.header(), &right), &changed).status(),
                "invalid"
            );
            assert_eq!(
                verify(&[], &signed(scheme.header(), &right), body),
                Verdict::Unchecked
            );
        }
        assert_eq!(
            verify(&secrets, &Headers::default(), body),
            Verdict::Unsigned
        );
        assert_eq!(verify(&[], &Headers::default(), body), Verdict::Unsigned);
    }

    #[test]
    fn one_right_header_among_several_is_enough() {
        let secrets = [secret("a", "s")];
        let headers: Headers = [
            ("x-cakemail-signature", "0".repeat(64)),
            ("x-signature", secrets[0].sign(Scheme::ApiBase64, b"{}")),
        ]
        .into_iter()
        .collect();
        assert!(verify(&secrets, &headers, b"{}").is_valid());
    }

    #[test]
    fn a_secret_never_prints() {
        let secret = secret("label", "sentinel-secret");
        assert!(!format!("{secret:?}").contains("sentinel"));
        assert_eq!(Secret::new("a", None, "").unwrap_err(), EmptySecret);
    }

    #[test]
    fn ten_mebibytes_and_nothing() {
        for body in [vec![0u8; 10 << 20], Vec::new()] {
            let secret = secret("a", "s");
            assert_eq!(secret.digest(&body), by_definition(b"s", &body));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]

        #[test]
        fn verdicts_equal_an_independent_computation(
            key in "\\PC{1,80}",
            body in proptest::collection::vec(any::<u8>(), 0..300),
            flip in proptest::option::of((any::<prop::sample::Index>(), 0u8..8)),
            scheme in prop::sample::select(Scheme::ALL.to_vec()),
        ) {
            let mut digest = by_definition(key.as_bytes(), &body);
            if let Some((at, bit)) = &flip {
                digest[at.index(32)] ^= 1 << bit;
            }
            let headers = signed(scheme.header(), &encode(scheme, &digest));
            let verdict = verify(&[secret("k", &key)], &headers, &body);
            prop_assert_eq!(verdict.is_valid(), flip.is_none());
        }
    }
}
