//! Whether the signature is right, how that was found, and what to change where it is not.
//!
//! ```text
//! Your app refused a delivery whose signature is right.
//!
//! header    x-cakemail-signature  (cakemail-hex)
//! received  9f2c…e1
//! computed  9f2c…e1  the same, with secret `bounces`
//! over      the 431 raw bytes of the body
//! your app  401 Unauthorized: {"error":"Invalid signature"}
//!
//! The signature is right for the 431 raw bytes (secret `bounces`): …
//! ```
//!
//! No secret is part of it, only its label.

#[cfg(test)]
mod tests;
mod told;

use std::sync::Arc;

use crate::cakemail::diagnosis::{AppRefusal, Case, Diagnosis, Finding, diagnose, why_refused};
use crate::cakemail::signature::{Claim, Digest, Secret, encode};
use crate::cakemail::verify::{claims, judge, likely_claims};
use crate::delivery::{Attempt, Kept, Outcome, Received, Scheme, Verdict, value_text, words};
use crate::tui::content::glyphs::Glyphs;
use crate::tui::text::{Line, Role};

/// Digests by more secrets are not listed.
const MAX_SECRETS: usize = 8;
/// Signatures in more headers are not listed.
const MAX_CLAIMS: usize = 4;

/// All that can be said of a signature.
#[derive(Debug, Clone)]
pub(in crate::tui) struct Explained {
    role: Role,
    title: String,
    /// The verdict of before, where it is another now.
    before: Option<String>,
    signatures: Vec<Signature>,
    /// Of the body.
    bytes: usize,
    newest: Option<Arc<Attempt>>,
    refusal: Option<AppRefusal>,
    findings: Vec<Finding>,
    /// Why it was invalid when it came in, where no more is found now.
    reason: Option<Arc<str>>,
    /// Whether a secret would help.
    wants_secret: bool,
}

/// What one header says, and what it should say.
#[derive(Debug, Clone)]
struct Signature {
    header: String,
    received: String,
    written: Scheme,
    computed: Vec<Computed>,
    /// Secrets beyond these.
    more: usize,
    /// The secret that made it and is not known now.
    gone: Option<Arc<str>>,
}

#[derive(Debug, Clone)]
struct Computed {
    label: Arc<str>,
    value: String,
}

/// Finds out what can be said of a delivery's signature with the secrets that are known now.
/// It may take some hundred milliseconds: a wrong signature is tried in many ways.
pub(in crate::tui) fn explain(kept: &Kept, secrets: &[Secret]) -> Explained {
    let request = &kept.delivery.request;
    let (headers, body) = (&request.headers, &request.body);
    let Diagnosis {
        mut verdict,
        mut findings,
    } = diagnose(&Case {
        secrets,
        others: &[],
        claims: &likely_claims(headers),
        headers,
        body,
    });
    if verdict == Verdict::Unchecked || (request.verdict.is_valid() && !verdict.is_valid()) {
        // The secret that was known then is not known now; what it made stays right.
        verdict = request.verdict.clone();
        findings.clear();
    }
    let as_documented = matches!(judge(secrets, headers, body), Some(Verdict::Valid { .. }))
        || verdict == request.verdict;
    let (role, title) = title(&verdict, as_documented);
    let newest = kept.attempts.last().cloned();
    let refusal = as_documented
        .then(|| refusal(request, &verdict, newest.as_deref()))
        .flatten();
    Explained {
        role: if refusal.is_some() { Role::Bad } else { role },
        title: refusal
            .as_ref()
            .map_or(title, |refusal| refusal.title)
            .to_owned(),
        before: (verdict.status() != request.verdict.status())
            .then(|| words::verdict(&request.verdict)),
        signatures: signatures(request, &verdict, secrets),
        reason: match &verdict {
            Verdict::Invalid { reason } if findings.is_empty() => Some(Arc::clone(reason)),
            _ => None,
        },
        bytes: body.len(),
        newest,
        wants_secret: matches!(verdict, Verdict::Unchecked),
        refusal,
        findings,
    }
}

/// What is said first, without a final period.
const fn title(verdict: &Verdict, as_documented: bool) -> (Role, &'static str) {
    match verdict {
        Verdict::Valid { .. } if as_documented => (Role::Good, "The signature is right"),
        Verdict::Valid { .. } => (
            Role::Warn,
            "The digest is right, and written in a way that no document of Cakemail has",
        ),
        Verdict::Invalid { .. } => (Role::Bad, "The signature is wrong"),
        Verdict::Unsigned => (Role::Warn, "It carries no signature"),
        Verdict::Unchecked => (
            Role::Warn,
            "It is signed, and no secret is known to check it with",
        ),
    }
}

/// Why the app refused it, where it did.
fn refusal(request: &Received, verdict: &Verdict, newest: Option<&Attempt>) -> Option<AppRefusal> {
    let Outcome::Answered(answer) = &newest?.outcome else {
        return None;
    };
    let now = Received {
        verdict: verdict.clone(),
        ..request.clone()
    };
    matches!(answer.status, 401 | 403)
        .then(|| why_refused(&now, &answer.headers))
        .flatten()
}

fn signatures(request: &Received, verdict: &Verdict, secrets: &[Secret]) -> Vec<Signature> {
    let mut found = claims(&request.headers);
    if found.is_empty() && !matches!(verdict, Verdict::Unsigned) {
        found = likely_claims(&request.headers);
    }
    // Of a right signature only the secret that made it matters.
    let matters = |secret: &&Secret| match verdict {
        Verdict::Valid { secret: label, .. } => secret.label() == label,
        _ => true,
    };
    let secrets: Vec<_> = secrets.iter().filter(matters).collect();
    let gone = match verdict {
        Verdict::Valid { secret, .. } if secrets.is_empty() => Some(Arc::clone(secret)),
        _ => None,
    };
    let shown = &secrets[..secrets.len().min(MAX_SECRETS)];
    let digests: Vec<_> = shown
        .iter()
        .map(|secret| (secret.label(), secret.digest(&request.body)))
        .collect();
    let of = |claim: &Claim<'_>| {
        let written = written(claim);
        let compute = |(label, digest): &(&Arc<str>, Digest)| Computed {
            label: Arc::clone(label),
            value: encode(written, digest),
        };
        Signature {
            header: claim.header.unwrap_or_default().to_ascii_lowercase(),
            received: value_text(claim.value).into_owned(),
            written,
            computed: digests.iter().map(compute).collect(),
            more: secrets.len() - shown.len(),
            gone: gone.clone(),
        }
    };
    found.iter().take(MAX_CLAIMS).map(of).collect()
}

/// The way of writing that the value is nearest to.
fn written(claim: &Claim<'_>) -> Scheme {
    let value = claim.value.trim_ascii();
    let value = value.strip_suffix(b"\"").unwrap_or(value);
    // Behind `sha256=` or the like.
    let digits = &value[value.len().saturating_sub(64)..];
    // Base64 of a digest has 44 characters, and its chance of being hex digits only is nil.
    if digits.iter().all(u8::is_ascii_hexdigit) {
        Scheme::CakemailHex
    } else if claim.header == Some(Scheme::ApiBase64.header()) {
        Scheme::ApiBase64
    } else {
        Scheme::CakemailBase64
    }
}

/// What was found, in lines.
pub(in crate::tui) fn lines(explained: &Explained, glyphs: &Glyphs) -> Vec<Line> {
    told::lines(explained, glyphs)
}
