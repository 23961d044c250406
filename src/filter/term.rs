//! One term of a filter, and whether a delivery is like it.

use std::time::Duration;

use jiff::Timestamp;

use crate::cakemail::event::EventPattern;
use crate::delivery::{Attempt, FailureCode, Kept, Outcome, value_text};
use crate::payload::{self, Path};

use super::bounds::{Bounds, Number, Operand};
use super::duplicates::Duplicates;
use super::text::{Glob, Needle};

/// One term. Statuses and durations are those of the newest attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Term {
    Event(EventPattern),
    Status(Status),
    /// The verdict's word.
    Sig(&'static str),
    Method(Glob),
    Path(Glob),
    /// The name in lower case.
    Header(String, Test),
    Id(Bounds<u64>),
    /// At this moment or later.
    After(Timestamp),
    /// Before this moment.
    Before(Timestamp),
    Took(Bounds<Duration>),
    /// Bytes of the body.
    Size(Bounds<u64>),
    Is(Is),
    Payload(Path, Test),
    Text(Needle),
}

/// What is asked of the newest attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Status {
    /// The app's status lies within.
    Within(Bounds<u16>),
    /// No app has answered.
    None,
    /// It failed.
    Failed,
    /// It failed for this.
    Error(FailureCode),
}

/// What can be said of a delivery in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Is {
    Replayed,
    Edited,
    Failed,
    Marked,
    Duplicate,
    Queued,
}

/// What is asked of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// Its text fits, or it is this number, however that is written.
    Like(Glob, Option<Number>),
    /// It lies within.
    Within(Bounds<Operand>),
}

impl Test {
    fn fits_text(&self, text: &str) -> bool {
        match self {
            Self::Like(glob, _) => glob.matches(text),
            Self::Within(bounds) => {
                Operand::of_value(text).is_some_and(|value| bounds.contains(&value))
            }
        }
    }

    /// Of anything but an array, where it counts as a whole.
    fn fits_one(&self, json: &str) -> bool {
        if json.starts_with('"') {
            return payload::text_of(json).is_some_and(|text| self.fits_text(&text));
        }
        let same = match self {
            Self::Like(_, Some(number)) => Number::read(json).as_ref() == Some(number),
            _ => false,
        };
        same || self.fits_text(json)
    }

    /// Of an array it is enough that an element fits.
    fn fits(&self, json: &str) -> bool {
        self.fits_one(json)
            || json.starts_with('[')
                && payload::elements_of(json)
                    .into_iter()
                    .any(|element| self.fits_one(element))
    }
}

impl Is {
    fn of(self, kept: &Kept, duplicates: &Duplicates) -> bool {
        match self {
            Self::Replayed => kept.replays() > 0,
            Self::Edited => kept.delivery.request.original.is_some(),
            Self::Failed => kept
                .newest()
                .is_some_and(|attempt| attempt.status().is_none_or(|status| status >= 400)),
            Self::Marked => kept.marked,
            Self::Duplicate => duplicates.contains(kept.delivery.id),
            Self::Queued => kept.delivery.request.queued_at().is_some(),
        }
    }
}

impl Status {
    fn of(&self, kept: &Kept) -> bool {
        let newest = kept.newest();
        let status = newest.and_then(Attempt::status);
        let failure = newest.and_then(|attempt| match &attempt.outcome {
            Outcome::Failed(failure) => Some(failure.code),
            Outcome::Answered(_) => None,
        });
        match self {
            Self::Within(bounds) => status.is_some_and(|status| bounds.contains(&status)),
            Self::None => status.is_none(),
            Self::Failed => failure.is_some(),
            Self::Error(code) => failure == Some(*code),
        }
    }
}

impl Term {
    /// Whether the delivery is like this.
    pub(super) fn matches(&self, kept: &Kept, duplicates: &Duplicates) -> bool {
        let request = &kept.delivery.request;
        match self {
            Self::Event(pattern) => request.event.as_deref().is_some_and(|e| pattern.matches(e)),
            Self::Status(status) => status.of(kept),
            Self::Sig(word) => request.verdict.status() == *word,
            Self::Method(glob) => glob.matches(&request.method),
            Self::Path(glob) => {
                glob.matches(request.path()) || glob.matches(&request.path_and_query)
            }
            Self::Header(name, test) => request
                .headers
                .get_all(name)
                .any(|value| test.fits_text(&value_text(value))),
            Self::Id(bounds) => bounds.contains(&kept.delivery.id),
            Self::After(at) => request.received_at >= *at,
            Self::Before(at) => request.received_at < *at,
            Self::Took(bounds) => kept.newest().is_some_and(|a| bounds.contains(&a.took)),
            Self::Size(bounds) => bounds.contains(&(request.body.len() as u64)),
            Self::Is(is) => is.of(kept, duplicates),
            Self::Payload(path, test) => {
                payload::find(&request.body, path).is_some_and(|json| test.fits(json))
            }
            Self::Text(needle) => needle.is_in(&request.body),
        }
    }

    /// How much work it is, by rank.
    pub(super) const fn cost(&self) -> u8 {
        match self {
            Self::Header(..) => 1,
            Self::Payload(..) => 2,
            Self::Text(_) => 3,
            _ => 0,
        }
    }
}
