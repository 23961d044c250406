//! What the local API says of a delivery's signature.

use serde::Serialize;

use super::FindingObject;
use crate::cakemail::diagnosis::Finding;
use crate::cakemail::explained::{Computed, Explained, Signature, Tone};

/// See [`Explained`].
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "signature")]
pub struct SignatureObject<'a> {
    delivery: u64,
    tone: &'static str,
    title: &'a str,
    before: Option<&'a str>,
    bytes: usize,
    signatures: Vec<HeaderObject<'a>>,
    app: Option<AppObject<'a>>,
    reason: Option<&'a str>,
    findings: Vec<FindingObject<'a>>,
    wants_secret: bool,
}

/// A header with a signature in it.
#[derive(Debug, Serialize)]
struct HeaderObject<'a> {
    header: &'a str,
    scheme: &'static str,
    received: &'a str,
    computed: Vec<ComputedObject<'a>>,
    more: usize,
    gone: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ComputedObject<'a> {
    secret: &'a str,
    value: &'a str,
    same: bool,
    differs_at: Option<usize>,
}

/// Why the app refused it.
#[derive(Debug, Serialize)]
struct AppObject<'a> {
    statement: &'a str,
    findings: Vec<FindingObject<'a>>,
}

impl<'a> SignatureObject<'a> {
    /// Of this delivery.
    pub fn new(delivery: u64, explained: &'a Explained) -> Self {
        let why = explained.refusal.as_ref().and_then(|one| one.why.as_ref());
        Self {
            delivery,
            tone: match explained.tone {
                Tone::Good => "good",
                Tone::Warn => "warn",
                Tone::Bad => "bad",
            },
            title: &explained.title,
            before: explained.before.as_deref(),
            bytes: explained.bytes,
            signatures: explained.signatures.iter().map(header).collect(),
            app: why.map(|why| AppObject {
                statement: &why.statement,
                findings: findings(&why.findings),
            }),
            reason: explained.reason.as_deref(),
            findings: findings(&explained.findings),
            wants_secret: explained.wants_secret,
        }
    }
}

fn findings(found: &[Finding]) -> Vec<FindingObject<'_>> {
    let objects = found.iter().map(|finding| FindingObject {
        code: finding.code,
        message: &finding.message,
        fix: &finding.fix,
    });
    objects.collect()
}

fn header(signature: &Signature) -> HeaderObject<'_> {
    let computed = |computed: &'_ Computed| computed.differs_at(&signature.received);
    HeaderObject {
        header: &signature.header,
        scheme: signature.written.name(),
        received: &signature.received,
        computed: signature
            .computed
            .iter()
            .map(|one| ComputedObject {
                secret: &one.label,
                value: &one.value,
                same: computed(one).is_none(),
                differs_at: computed(one),
            })
            .collect(),
        more: signature.more,
        gone: signature.gone.as_deref(),
    }
}
