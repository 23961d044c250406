//! Results as JSON, see `docs/json.md`.

use serde::Serialize;

use super::drive::Sent;
use super::expect::Miss;
use super::items::Item;
use crate::wire::Object;

/// The fields of what is written for each attempt, and of the summary.
pub(super) const FIELDS: [&str; 22] = [
    "type", "of", "event", "delivery", "original", "round", "edits", "attempt", "ok", "missed",
    "at_ms", "target", "planned", "sent", "answered", "failed", "statuses", "errors", "p50_ms",
    "p95_ms", "max_ms", "took_ms",
];

/// One attempt.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "replay")]
pub(super) struct ReplayObject<'a> {
    /// `#42`, or the file's name.
    of: &'a str,
    event: Option<&'a str>,
    /// The delivery that was sent; `null` for one that is in no store.
    delivery: Option<u64>,
    /// Of an edited copy.
    original: Option<u64>,
    round: u32,
    edits: Vec<String>,
    attempt: Object<'a>,
    /// Whether it is as expected; `null` where nothing was.
    ok: Option<bool>,
    missed: Vec<&'a str>,
}

impl<'a> ReplayObject<'a> {
    pub(super) fn new(
        item: &'a Item,
        sent: &'a Sent,
        edits: Vec<String>,
        missed: &'a [Miss],
        (kept, expects): (bool, bool),
    ) -> Self {
        let original = item.kept.delivery.id;
        let delivery = sent.copy.as_ref().map_or(original, |copy| copy.id);
        Self {
            of: &item.label,
            event: item.kept.delivery.request.event.as_deref(),
            delivery: kept.then_some(delivery),
            original: sent.copy.as_ref().filter(|_| kept).map(|_| original),
            round: sent.job.round,
            edits,
            attempt: (&sent.attempt).into(),
            ok: expects.then_some(missed.is_empty()),
            missed: missed.iter().map(|miss| &*miss.message).collect(),
        }
    }
}

/// One attempt that would be made.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "plan")]
pub(super) struct PlanObject<'a> {
    pub(super) of: &'a str,
    pub(super) event: Option<&'a str>,
    pub(super) round: u32,
    pub(super) at_ms: f64,
    pub(super) target: &'a str,
    pub(super) edits: Vec<String>,
}
