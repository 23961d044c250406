//! The frames of the local API's socket, see `docs/api.md`.

use std::borrow::Cow;

use serde::Serialize;

use super::{Message, RefusedObject, Row, Status};
use crate::delivery::{Refusal, Warning};
use crate::filter::FilterError;

/// The listener at one moment.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "snapshot")]
pub struct Snapshot<'a> {
    /// Where to go on after it, for a socket that is opened later.
    pub resume: &'a str,
    /// The listener.
    pub status: &'a Status<'a>,
    /// The newest deliveries, oldest first.
    pub deliveries: Vec<Row<'a>>,
    /// Whether there are older ones.
    pub more: bool,
    /// The newest requests that did not become deliveries.
    pub refused: Vec<RefusedObject<'a>>,
}

/// What has changed since the frame before.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "changes")]
pub struct Changes<'a> {
    /// As in a [`Snapshot`].
    pub resume: &'a str,
    /// Deliveries that are new or have changed, as they are now.
    pub deliveries: Vec<Row<'a>>,
    /// The ids of those that are kept no longer.
    pub gone: &'a [u64],
    /// Requests that did not become deliveries.
    pub refused: Vec<RefusedObject<'a>>,
    /// Things to know now.
    pub warnings: Vec<Message<'a>>,
    /// The listener, where something of it has changed.
    pub status: Option<&'a Status<'a>>,
}

/// What of all that is kept passes a filter.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "filtered")]
pub struct Filtered<'a> {
    /// The filter; `None` where there is none any more.
    pub filter: Option<&'a str>,
    /// The ids, ascending; `None` where it is not a filter.
    pub ids: Option<&'a [u64]>,
    /// What is wrong with it.
    pub error: Option<FilterMistake<'a>>,
}

/// Which of the deliveries of the [`Changes`] before pass the filter.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "matches")]
pub struct Matches<'a> {
    /// The filter.
    pub filter: &'a str,
    /// These do.
    pub yes: Vec<u64>,
    /// These do not.
    pub no: Vec<u64>,
}

/// The answer to a ping.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "pong")]
pub struct Pong {
    /// Its number.
    pub ping: u64,
}

/// The refusal of what is no filter: an `error` with the place of the mistake.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "error")]
pub struct FilterRefusal<'a> {
    code: &'static str,
    hint: &'static str,
    #[serde(flatten)]
    mistake: FilterMistake<'a>,
}

impl<'a> From<&'a FilterError> for FilterRefusal<'a> {
    fn from(error: &'a FilterError) -> Self {
        Self {
            code: "filter",
            hint: "docs/filter.md describes the language",
            mistake: error.into(),
        }
    }
}

/// What was missed follows, after [`Snapshot::resume`] was named.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "resumed")]
pub struct Resumed<'a> {
    /// As in a [`Snapshot`].
    pub resume: &'a str,
    /// The listener.
    pub status: &'a Status<'a>,
}

/// The listener stops, and nothing follows.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename = "bye")]
pub struct Bye {}

/// What is wrong with a filter.
#[derive(Debug, Serialize)]
pub struct FilterMistake<'a> {
    message: &'a str,
    column: usize,
    suggestion: Option<&'a str>,
}

impl<'a> From<&'a FilterError> for FilterMistake<'a> {
    fn from(error: &'a FilterError) -> Self {
        Self {
            message: &error.message,
            column: error.column,
            suggestion: error.suggestion.as_deref(),
        }
    }
}

impl<'a> From<&'a Refusal> for RefusedObject<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self {
            at: refusal.at,
            peer: &refusal.peer,
            code: refusal.code.name(),
            status: refusal.status,
            request: refusal.request.as_deref().map(Cow::Borrowed),
            reason: &refusal.reason,
        }
    }
}

impl<'a> From<&'a Warning> for Message<'a> {
    fn from(warning: &'a Warning) -> Self {
        Self {
            code: warning.code,
            message: &warning.message,
            hint: &warning.hint,
        }
    }
}
