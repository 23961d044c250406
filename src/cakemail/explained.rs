//! All that can be said of a delivery's signature: whether it is right, how that was found,
//! and what to change where it is not. No secret is part of it, only its label.

use std::sync::Arc;

use crate::cakemail::diagnosis::{
    AppRefusal, Case, Diagnosis, Finding, Keys, diagnose, why_refused,
};
use crate::cakemail::signature::{Claim, Digest, Secret, encode};
use crate::cakemail::verify::{claims, judge, likely_claims};
use crate::delivery::{
    Attempt, Kept, Outcome, Received, Registration, Scheme, Verdict, value_text, words,
};

/// Digests by more secrets are not listed.
const MAX_SECRETS: usize = 8;
/// Signatures in more headers are not listed.
const MAX_CLAIMS: usize = 4;

/// All that can be said of a signature.
#[derive(Debug, Clone)]
pub struct Explained {
    /// How good that is.
    pub tone: Tone,
    /// What it comes to, without a final period.
    pub title: String,
    /// The verdict of before in words, where it is another now.
    pub before: Option<String>,
    /// What each header that holds a signature says.
    pub signatures: Vec<Signature>,
    /// Bytes of the body.
    pub bytes: usize,
    /// What the app said to it last.
    pub newest: Option<Arc<Attempt>>,
    /// Why the app refused it, where it did.
    pub refusal: Option<AppRefusal>,
    /// What is wrong or unusual, the likeliest first.
    pub findings: Vec<Finding>,
    /// Why it was invalid when it came in, where no more is found now.
    pub reason: Option<Arc<str>>,
    /// Whether a secret would help.
    pub wants_secret: bool,
}

/// How good a thing is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// It may be a mistake, or it is odd.
    Warn,
    /// It failed.
    Bad,
}

/// What one header says, and what it should say.
#[derive(Debug, Clone)]
pub struct Signature {
    /// The header's name in lower case.
    pub header: String,
    /// Its value.
    pub received: String,
    /// How that is written, as near as can be told.
    pub written: Scheme,
    /// What it should be, by each secret.
    pub computed: Vec<Computed>,
    /// How many secrets there are beyond these.
    pub more: usize,
    /// The secret that made it and is not known now.
    pub gone: Option<Arc<str>>,
}

/// The signature of the body by one secret.
#[derive(Debug, Clone)]
pub struct Computed {
    /// The secret's label.
    pub label: Arc<str>,
    /// The signature, in ASCII.
    pub value: String,
}

impl Computed {
    /// The byte from which on what was received is another; `None` where it is the same.
    pub fn differs_at(&self, received: &str) -> Option<usize> {
        if received == self.value {
            return None;
        }
        let pairs = received.bytes().zip(self.value.bytes());
        Some(pairs.take_while(|(a, b)| a == b).count())
    }
}

impl Signature {
    /// How it is written, by the scheme's name where it stands in the scheme's header.
    pub fn writing(&self) -> &'static str {
        match self.written {
            scheme if scheme.header().eq_ignore_ascii_case(&self.header) => scheme.name(),
            Scheme::CakemailHex => "in hex",
            Scheme::CakemailBase64 | Scheme::ApiBase64 => "in base64",
        }
    }
}

/// Finds out what can be said of a delivery's signature with the secrets that are known now.
/// `webhooks` are those that were made for this listener.
/// It may take some hundred milliseconds: a wrong signature is tried in many ways.
pub fn explain(kept: &Kept, secrets: &[Secret], webhooks: Arc<[Arc<Registration>]>) -> Explained {
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
    let (tone, title) = title(&verdict, as_documented);
    let newest = kept.attempts.last().cloned();
    let refusal = as_documented
        .then(|| {
            let keys = Keys::of(secrets, webhooks);
            refusal(request, &verdict, newest.as_deref(), &keys)
        })
        .flatten();
    Explained {
        tone: if refusal.is_some() { Tone::Bad } else { tone },
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
const fn title(verdict: &Verdict, as_documented: bool) -> (Tone, &'static str) {
    match verdict {
        Verdict::Valid { .. } if as_documented => (Tone::Good, "The signature is right"),
        Verdict::Valid { .. } => (
            Tone::Warn,
            "The digest is right, and written in a way that no document of Cakemail has",
        ),
        Verdict::Invalid { .. } => (Tone::Bad, "The signature is wrong"),
        Verdict::Unsigned => (Tone::Warn, "It carries no signature"),
        Verdict::Unchecked => (
            Tone::Warn,
            "It is signed, and no secret is known to check it with",
        ),
    }
}

/// Why the app refused it, where it did.
fn refusal(
    request: &Received,
    verdict: &Verdict,
    newest: Option<&Attempt>,
    keys: &Keys,
) -> Option<AppRefusal> {
    let Outcome::Answered(answer) = &newest?.outcome else {
        return None;
    };
    let now = Received {
        verdict: verdict.clone(),
        ..request.clone()
    };
    why_refused(&now, answer.into(), keys)
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
