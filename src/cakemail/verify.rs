//! Checking a request's signature against the secrets that are known.

use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::diagnosis::{self, Case};
use super::signature::{Claim, Secret};
use crate::delivery::{Headers, Scheme, Verdict};

/// Headers in which other services, and handlers that are made after theirs, have the
/// digest. No delivery is signed by one of these; they are looked at to say what is wrong.
const OF_OTHERS: [&str; 12] = [
    "X-Hub-Signature-256",
    "X-Webhook-Signature",
    "X-Webhook-Signature-256",
    "X-Cakemail-Hmac",
    "X-Cakemail-Hmac-Sha256",
    "X-Cakemail-Signature-256",
    "X-Signature-256",
    "X-Hmac-Signature",
    "X-Hmac-Sha256",
    "X-Hook-Signature",
    "Webhook-Signature",
    "Signature",
];

/// Every signature header of a request.
pub fn claims(headers: &Headers) -> Vec<Claim<'_>> {
    named(
        headers,
        &[Scheme::CakemailHex, Scheme::ApiBase64].map(Scheme::header),
    )
}

/// The same, and behind them every header that may be one by mistake.
pub fn likely_claims(headers: &Headers) -> Vec<Claim<'_>> {
    let mut claims = claims(headers);
    claims.extend(named(headers, &OF_OTHERS));
    claims
}

fn named<'a>(headers: &'a Headers, names: &[&'static str]) -> Vec<Claim<'a>> {
    let known = |name: &str| names.iter().find(|known| known.eq_ignore_ascii_case(name));
    let claim = |(name, value)| {
        Some(Claim {
            header: Some(known(name)?),
            value,
        })
    };
    headers.iter().filter_map(claim).collect()
}

/// Checks a request's signature against every known secret, and finds out why none of them
/// fits. That can take a hundred times as long as checking, see [`judge`].
pub fn verify(secrets: &[Secret], headers: &Headers, body: &[u8]) -> Verdict {
    judge(secrets, headers, body).unwrap_or_else(|| {
        let case = Case {
            secrets,
            others: &[],
            claims: &claims(headers),
            headers,
            body,
        };
        Verdict::Invalid {
            reason: diagnosis::why_invalid(&case).into(),
        }
    })
}

/// Checks a request's signature against every known secret; `None` where it is wrong.
///
/// Digests are compared in constant time. A secret that is bound to an event is tried
/// for all of them: which one matched is worth knowing, even where it is another.
pub fn judge(secrets: &[Secret], headers: &Headers, body: &[u8]) -> Option<Verdict> {
    let claims = claims(headers);
    if claims.is_empty() {
        return Some(Verdict::Unsigned);
    }
    if secrets.is_empty() {
        return Some(Verdict::Unchecked);
    }
    let documented: Vec<_> = claims.iter().filter_map(Claim::documented).collect();
    if !documented.is_empty() {
        for secret in secrets {
            let digest = secret.digest(body);
            for (scheme, claimed) in &documented {
                if bool::from(digest.ct_eq(claimed)) {
                    return Some(Verdict::Valid {
                        scheme: *scheme,
                        secret: Arc::clone(secret.label()),
                    });
                }
            }
        }
    }
    None
}
