//! Why a signature does not verify, here or in the user's app.
//!
//! What is said is for the person at this machine. None of it goes to a sender, since
//! "nearly right" is a help to somebody who guesses. A secret is never part of it, only
//! its label.

mod bare;
mod body;
mod causes;
mod evidence;
mod form;
mod rejection;
mod secret;
#[cfg(test)]
mod tests;

pub use rejection::{AppRefusal, Keys, REGISTERED, Rejection, Reply, why_failed, why_refused};

use std::cell::Cell;
use std::sync::Arc;

use subtle::ConstantTimeEq as _;

use super::event::EventPattern;
use super::signature::{Claim, Digest, Secret};
use crate::delivery::{Headers, Scheme, Verdict};
use form::Written;

/// Past this many bytes a body is not hashed again to find out why.
const MAX_BODY: usize = 1 << 20;

/// No more bytes than these are hashed to find out why: there can be many secrets.
const MAX_HASHED: usize = 64 << 20;

/// The same in a listener, which a sender of nonsense must not keep busy. It is enough for
/// everything where a body has the size of a delivery, and for the likeliest where it is
/// larger.
const MAX_HASHED_LISTENING: usize = 16 << 20;

/// What is unusual about a signature, or why it does not verify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In snake case; it stays as it is from version to version. `docs/signatures.md`
    /// lists them.
    pub code: &'static str,
    /// The cause in one sentence, without a final period.
    pub message: String,
    /// The cure in one sentence, without a final period.
    pub fix: String,
}

impl Finding {
    fn new(code: &'static str, message: impl Into<String>, fix: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            fix: fix.into(),
        }
    }
}

/// A signature that is to be judged, with all that can tell why it is not right.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Those that it should be made with.
    pub secrets: &'a [Secret],
    /// Further ones that it may be made with by mistake.
    pub others: &'a [Secret],
    /// What is claimed, in the order of likelihood.
    pub claims: &'a [Claim<'a>],
    /// Of the request; they may tell which framework made it.
    pub headers: &'a Headers,
    /// The exact bytes.
    pub body: &'a [u8],
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnosis {
    /// Valid too where the right digest is written in a way that no document has.
    pub verdict: Verdict,
    /// The likeliest first. Of a valid one: what is unusual about it.
    pub findings: Vec<Finding>,
}

/// Judges a signature more leniently than a listener does: a right digest of the exact
/// bytes is valid however it is written. Digests are compared in constant time.
pub fn diagnose(case: &Case<'_>) -> Diagnosis {
    let documented = case.claims.iter().any(Claim::is_documented);
    if case.claims.is_empty() || (case.secrets.is_empty() && !documented) {
        return none_at_all();
    }
    if case.secrets.is_empty() {
        return Diagnosis {
            verdict: Verdict::Unchecked,
            findings: Vec::new(),
        };
    }
    let search = Search::new(case, MAX_HASHED);
    if let Some((verdict, findings)) = search.right() {
        return Diagnosis { verdict, findings };
    }
    let causes = match search.cause() {
        Some(finding) => vec![finding],
        None => search.two_causes(),
    };
    let findings = match &causes[..] {
        // Other headers are signatures only where they turn out to be.
        [] if !documented => return none_at_all(),
        [] => search.no_match(),
        _ => search.with_form(causes),
    };
    let reason = findings.first().map_or("", |first| &first.message);
    Diagnosis {
        verdict: Verdict::Invalid {
            reason: reason.into(),
        },
        findings,
    }
}

/// Why no claim verifies, in one sentence, where none does as the documents have it.
pub(super) fn why_invalid(case: &Case<'_>) -> String {
    let search = Search::new(case, MAX_HASHED_LISTENING);
    let found = search
        .right()
        .and_then(|(_, findings)| findings.into_iter().next())
        .or_else(|| search.cause())
        .or_else(|| search.no_match().into_iter().next());
    found.map_or_else(String::new, |finding| finding.message)
}

fn none_at_all() -> Diagnosis {
    Diagnosis {
        verdict: Verdict::Unsigned,
        findings: vec![Finding::new(
            "no_signature",
            "no header holds a signature",
            "look for what drops X-Cakemail-Signature or X-Signature on the way, such as a proxy; Cakemail sends one of them with every delivery",
        )],
    }
}

/// One search for the cause.
struct Search<'a> {
    case: &'a Case<'a>,
    /// The claims that can be read as a digest.
    digests: Vec<(&'a Claim<'a>, Written<'a>)>,
    /// Bytes that may still be hashed.
    left: Cell<usize>,
}

impl<'a> Search<'a> {
    fn new(case: &'a Case<'a>, hashed: usize) -> Self {
        let read = |claim: &'a Claim<'a>| Some((claim, Written::read(claim.value)?));
        Self {
            case,
            digests: case.claims.iter().filter_map(read).collect(),
            left: Cell::new(hashed),
        }
    }

    /// A claim that holds exactly this digest.
    fn claim_of(&self, digest: &Digest) -> Option<&(&'a Claim<'a>, Written<'a>)> {
        let right = |written: &Written<'_>| bool::from(written.digest.ct_eq(digest));
        self.digests.iter().find(|(_, written)| right(written))
    }

    /// Whether that many more bytes may be hashed; they count as hashed then.
    fn afford(&self, bytes: usize) -> bool {
        // A digest costs two blocks and a key two more, however short the body is.
        let left = self.left.get().checked_sub(bytes + 256);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }

    /// The right digest of the exact bytes, and what is unusual about how it is written.
    fn right(&self) -> Option<(Verdict, Vec<Finding>)> {
        for secret in self.case.secrets {
            // Once for all claims: a sender can make a hundred, each over megabytes.
            let Some((claim, written)) = self.claim_of(&secret.digest(self.case.body)) else {
                continue;
            };
            let mut findings = form::unusual(claim, written);
            findings.extend(other_event(secret, self.case.body));
            let verdict = Verdict::Valid {
                scheme: written.scheme(claim),
                secret: Arc::clone(secret.label()),
            };
            return Some((verdict, findings));
        }
        None
    }

    /// The likeliest cause, if one can be found.
    fn cause(&self) -> Option<Finding> {
        let Case {
            secrets,
            others,
            body,
            ..
        } = *self.case;
        for secret in secrets.iter().chain(others) {
            let expected = secret.digest(body);
            let mut claims = self.case.claims.iter();
            if let Some(finding) = claims.find_map(|claim| form::cut_short(claim, &expected)) {
                return Some(finding);
            }
            if self.claim_of(&expected).is_some() {
                return Some(secret::other(secret));
            }
        }
        if self.digests.is_empty() {
            let mut claims = self.case.claims.iter();
            return claims
                .find(|claim| claim.is_documented())
                .map(form::no_digest);
        }
        if body.len() > MAX_BODY {
            return None;
        }
        self.secret_of(secret::LIKELY)
            .or_else(|| self.body_of(&body::likely(self.case.headers)))
            .or_else(|| self.secret_of(secret::RARE))
            .or_else(|| self.body_of(body::RARE))
            .or_else(|| self.no_hmac())
    }

    /// The digest is right for a secret that is nearly one of these.
    fn secret_of(&self, changes: &[secret::Change]) -> Option<Finding> {
        let body = self.case.body;
        for change in changes {
            for secret in self.case.secrets {
                for key in change.keys(secret) {
                    if self.afford(body.len())
                        && self.claim_of(&secret::digest(&key, body)).is_some()
                    {
                        return Some(change.finding(secret));
                    }
                }
            }
        }
        None
    }

    /// The digest is right for bytes that are nearly these.
    fn body_of(&self, changes: &[body::Change]) -> Option<Finding> {
        let source = body::Source::new(self.case.body);
        for change in changes {
            if self.left.get() == 0 {
                return None;
            }
            let Some(bytes) = change.apply(&source) else {
                continue;
            };
            for secret in self.case.secrets {
                if self.afford(bytes.len()) && self.claim_of(&secret.digest(&bytes)).is_some() {
                    return Some(change.finding(secret, self.case.headers));
                }
            }
        }
        None
    }

    /// What was computed in place of HMAC.
    fn no_hmac(&self) -> Option<Finding> {
        let body = self.case.body;
        self.case.secrets.iter().find_map(|secret| {
            if !self.afford(4 * body.len()) {
                return None;
            }
            let all = secret::no_hmac(secret, body).into_iter();
            let mut right = all.filter(|(digest, _)| self.claim_of(digest).is_some());
            right.next().map(|(_, finding)| finding)
        })
    }

    /// Two things at once: the digest is right for nearly these bytes, and for another secret
    /// or nearly one of these. Nothing where there are none such.
    fn two_causes(&self) -> Vec<Finding> {
        let Case {
            secrets,
            others,
            headers,
            body,
            ..
        } = *self.case;
        if body.len() > MAX_BODY || self.digests.is_empty() {
            return Vec::new();
        }
        let source = body::Source::new(body);
        let likely = body::likely(headers);
        let changes = likely.iter().chain(body::RARE);
        for (change, bytes) in changes.filter_map(|one| Some((one, one.apply(&source)?))) {
            let right = |digest: &dyn Fn() -> Digest| {
                self.afford(bytes.len()) && self.claim_of(&digest()).is_some()
            };
            for other in others {
                if right(&|| other.digest(&bytes)) {
                    return vec![secret::other(other), change.finding(other, headers)];
                }
            }
            for secret in secrets {
                for wrong in secret::LIKELY.iter().chain(secret::RARE) {
                    let mut keys = wrong.keys(secret).into_iter();
                    if keys.any(|key| right(&|| secret::digest(&key, &bytes))) {
                        return vec![wrong.finding(secret), change.finding(secret, headers)];
                    }
                }
            }
            if self.left.get() == 0 {
                break;
            }
        }
        Vec::new()
    }

    /// With what is unusual about how the digest is written, where it is one.
    fn with_form(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        if let [(claim, written)] = &self.digests[..] {
            findings.extend(form::unusual(claim, written));
        }
        findings
    }

    fn no_match(&self) -> Vec<Finding> {
        let mut claims = self.digests.iter().map(|(claim, _)| *claim);
        let what = claims
            .find(|claim| claim.is_documented())
            .map_or("the signature", |claim| claim.name());
        let message = match self.case.secrets {
            [only] => format!(
                "{what} does not match secret `{}`: another webhook's secret, or the body was changed on its way",
                only.label()
            ),
            secrets => format!(
                "{what} matches none of the {} known secrets: the webhook's own is missing, or the body was changed on its way",
                secrets.len()
            ),
        };
        let mut findings = vec![Finding::new(
            "no_match",
            message,
            "copy the secret of this very webhook again (GET /webhooks/ID has it as `signature.key`), and check the body byte for byte as it came",
        )];
        if self.case.body.len() > MAX_BODY || self.left.get() == 0 {
            findings.push(Finding::new(
                "not_all_tried",
                "a body this large is not hashed again for everything that could be wrong",
                "look at a smaller delivery of the same webhook",
            ));
        }
        findings
    }
}

/// A secret that is another event's: valid, and worth knowing.
fn other_event(secret: &Secret, body: &[u8]) -> Option<Finding> {
    let own = secret.event()?;
    let event = super::event::name_in(body)?;
    let pattern: EventPattern = own.parse().ok()?;
    (!pattern.matches(&event)).then(|| {
        Finding::new(
            "secret_of_other_event",
            format!(
                "it is signed with the secret `{}`, which is said to be that of `{own}`, and the event is `{event}`",
                secret.label()
            ),
            "correct the `event` of that secret in the configuration, if an app that chooses its secret by the event is to accept this",
        )
    })
}

impl Written<'_> {
    /// The scheme whose way of writing is nearest.
    fn scheme(&self, claim: &Claim<'_>) -> Scheme {
        match (self.base64, claim.header) {
            (false, _) => Scheme::CakemailHex,
            (true, Some(header)) if header == Scheme::ApiBase64.header() => Scheme::ApiBase64,
            (true, _) => Scheme::CakemailBase64,
        }
    }
}
