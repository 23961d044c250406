//! Checking a request's signature against the secrets that are known.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::diagnosis;
use super::signature::{Claim, Secret};
use crate::delivery::{Headers, Scheme, Verdict};

/// Every signature header of a request.
pub fn claims(headers: &Headers) -> Vec<Claim<'_>> {
    let mut claims = Vec::new();
    for (name, value) in headers.iter() {
        for scheme in [Scheme::CakemailHex, Scheme::ApiBase64] {
            if name.eq_ignore_ascii_case(scheme.header()) {
                claims.push(Claim {
                    header: scheme.header(),
                    value,
                });
            }
        }
    }
    claims
}

/// Checks a request's signature against every known secret.
///
/// Digests are compared in constant time. A secret that is bound to an event is tried
/// for all of them: which one matched is worth knowing, even where it is another.
pub fn verify(secrets: &[Secret], headers: &Headers, body: &[u8]) -> Verdict {
    let claims = claims(headers);
    if claims.is_empty() {
        return Verdict::Unsigned;
    }
    if secrets.is_empty() {
        return Verdict::Unchecked;
    }
    let documented: Vec<_> = claims.iter().filter_map(Claim::documented).collect();
    if !documented.is_empty() {
        for secret in secrets {
            let digest = secret.digest(body);
            for (scheme, claimed) in &documented {
                if bool::from(digest.ct_eq(claimed)) {
                    return Verdict::Valid {
                        scheme: *scheme,
                        secret: Arc::clone(secret.label()),
                    };
                }
            }
        }
    }
    Verdict::Invalid {
        reason: diagnosis::why_invalid(secrets, &claims, body).into(),
    }
}
