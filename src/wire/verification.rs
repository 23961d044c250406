//! What `cmhook verify` says.

use serde::Serialize;

use super::VerdictObject;
use crate::delivery::Verdict;

/// A verdict with what explains it.
#[derive(Debug, Serialize)]
pub struct Verification<'a> {
    delivery: Option<u64>,
    verdict: VerdictObject<'a>,
    findings: Vec<FindingObject<'a>>,
}

/// One thing that is wrong or unusual.
#[derive(Debug, Serialize)]
pub struct FindingObject<'a> {
    /// Which, for programs.
    pub code: &'a str,
    /// The cause.
    pub message: &'a str,
    /// The cure.
    pub fix: &'a str,
}

impl<'a> Verification<'a> {
    /// The fields at its top.
    pub const FIELDS: [&'static str; 3] = ["delivery", "verdict", "findings"];

    /// Of a kept delivery, or of none.
    pub fn new(
        delivery: Option<u64>,
        verdict: &'a Verdict,
        findings: Vec<FindingObject<'a>>,
    ) -> Self {
        Self {
            delivery,
            verdict: verdict.into(),
            findings,
        }
    }
}
