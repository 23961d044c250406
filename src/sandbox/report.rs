//! What is told of a try when it has ended.

use jiff::Timestamp;
use serde::Serialize;

use super::queue::Status;
use super::tries::{Job, Try};
use crate::cakemail::webhook::shown_url;

/// A try, for those who watch.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    #[serde(rename = "type")]
    kind: &'static str,
    /// The delivery's id.
    pub delivery: String,
    /// The event, as the payload has it.
    pub event: String,
    /// The webhook's id.
    pub webhook: String,
    /// Where it was sent, without a password.
    pub url: String,
    /// 1 for the first.
    pub n: u32,
    /// What was answered, if something was.
    pub status: Option<u16>,
    /// Or why nothing was.
    pub error: Option<String>,
    /// The same for people.
    pub message: Option<String>,
    /// From the first step to the end.
    pub took_ms: f64,
    /// What becomes of the delivery: `delivered`, `pending`, `failed`, `archived`.
    pub outcome: &'static str,
    /// When it is tried again.
    pub next_at: Option<Timestamp>,
    /// How long that is after this one.
    pub wait_ms: Option<i64>,
}

impl Report {
    pub(super) fn new(job: &Job, tried: &Try, became: Status) -> Self {
        Self {
            kind: "try",
            delivery: job.id.clone(),
            event: job.event.clone(),
            webhook: job.webhook.clone(),
            url: shown_url(&tried.url).into_owned(),
            n: tried.n,
            status: tried.status,
            error: tried.error.clone(),
            message: tried.message.clone(),
            took_ms: milliseconds(tried.took),
            outcome: became.name(),
            next_at: tried.next_at.map(time),
            wait_ms: tried.wait,
        }
    }
}

/// Microseconds in milliseconds.
pub(super) fn milliseconds(micros: i64) -> f64 {
    std::time::Duration::from_micros(micros.max(0).cast_unsigned()).as_secs_f64() * 1000.0
}

/// A time, of milliseconds since 1970.
pub(super) fn time(at: i64) -> Timestamp {
    Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH)
}
