//! What the store tells its faces.

use std::sync::Arc;

use jiff::Timestamp;

use super::{Attempt, Delivery, Registration, Tunnel, Verdict};

/// Something that happened in the store.
#[derive(Debug, Clone)]
pub enum Notice {
    /// A delivery was recorded.
    Delivery(Arc<Delivery>),
    /// A forward ended.
    Attempt(Arc<Attempt>),
    /// cmhook answered a delivery by itself, without asking an app.
    Answered(Arc<OwnAnswer>),
    /// A request was turned away before it became a delivery.
    Refused(Arc<Refusal>),
    /// A delivery's verdict was made anew; the bytes are those of before.
    Judged(Arc<Delivery>),
    /// Deliveries were deleted, ids ascending.
    Deleted(Arc<[u64]>),
    /// A delivery was marked, or its mark was taken away.
    Marked {
        /// The delivery's id.
        delivery: u64,
        /// Whether it is marked now.
        marked: bool,
    },
    /// The relay handed on again what had been kept already.
    Repeated {
        /// The delivery's id.
        delivery: u64,
        /// How often it has done so.
        times: u32,
    },
    /// The tunnel's state is another.
    Tunnel(Arc<Tunnel>),
    /// A webhook was made, or is sent elsewhere now.
    Registered(Arc<Registration>),
    /// A webhook that was made is archived.
    Archived(Arc<Registration>),
    /// Something that the user should know now.
    Warning(Arc<Warning>),
    /// Nothing comes after this.
    End,
}

impl Notice {
    /// Bytes that are held with it, near enough to bound a queue by.
    pub fn weight(&self) -> usize {
        match self {
            Self::Delivery(delivery) | Self::Judged(delivery) => delivery.request.weight(),
            Self::Attempt(attempt) => attempt.weight(),
            Self::Deleted(ids) => ids.len() * size_of::<u64>(),
            Self::Answered(_)
            | Self::Refused(_)
            | Self::Marked { .. }
            | Self::Repeated { .. }
            | Self::Tunnel(_)
            | Self::Registered(_)
            | Self::Archived(_)
            | Self::Warning(_)
            | Self::End => 0,
        }
    }
}

/// An answer that no app gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnAnswer {
    /// The delivery's id.
    pub delivery: u64,
    /// Who told the sender.
    pub by: Answerer,
    /// The status that the sender got.
    pub status: u16,
    /// Why no app was asked, without a final period.
    pub reason: &'static str,
}

/// Who answers in an app's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answerer {
    /// This listener.
    Cmhook,
    /// The relay, where the delivery waited: its sender has long been told so.
    Relay,
}

impl Answerer {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cmhook => "cmhook",
            Self::Relay => "relay",
        }
    }
}

/// A request that never became a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// When it was turned away.
    pub at: Timestamp,
    /// Address of the sender's socket, `ip:port`.
    pub peer: Box<str>,
    /// What kind of refusal, for programs.
    pub code: RefusalCode,
    /// The status that the sender got; `None` where the connection was just closed.
    pub status: Option<u16>,
    /// `METHOD /path` as far as it was understood.
    pub request: Option<Box<str>>,
    /// Why, in plain words, without a final period.
    pub reason: Box<str>,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalCode {
    /// Not HTTP, or HTTP that cannot be understood.
    Malformed,
    /// Header block, request line or number of headers over the limit.
    HeadersTooLarge,
    /// Body over `--max-body`.
    BodyTooLarge,
    /// The body ended before its end.
    Incomplete,
    /// Headers or body came too slowly.
    TooSlow,
    /// Too much is in flight already.
    Busy,
    /// cmhook is stopping.
    Stopping,
}

impl RefusalCode {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::HeadersTooLarge => "headers_too_large",
            Self::BodyTooLarge => "body_too_large",
            Self::Incomplete => "incomplete",
            Self::TooSlow => "too_slow",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }
}

/// Something that the user should know now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// What kind of warning, for programs.
    pub code: &'static str,
    /// What is wrong, without a final period.
    pub message: String,
    /// What to do about it; empty where nothing sensible can be said.
    pub hint: String,
}

/// What has happened since the listener started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Deliveries recorded.
    pub received: u64,
    /// Of these, signed by a known secret.
    pub valid: u64,
    /// Of these, signed wrongly.
    pub invalid: u64,
    /// Of these, without a signature.
    pub unsigned: u64,
    /// Of these, signed while no secret is known.
    pub unchecked: u64,
    /// Attempts that an app answered, whatever its status.
    pub answered: u64,
    /// Of these, with a 4xx or 5xx.
    pub errors: u64,
    /// Attempts that failed.
    pub failed: u64,
    /// Requests turned away before they became deliveries.
    pub refused: u64,
    /// Deliveries that left the ring to make room.
    pub evicted: u64,
    /// Deliveries that could not be written to the journal when they came in.
    pub unsaved: u64,
}

impl Counts {
    /// Counts one delivery by its verdict.
    pub const fn add_delivery(&mut self, verdict: &Verdict) {
        self.received += 1;
        *self.of(verdict) += 1;
    }

    /// Counts one delivery, which is counted already, by its new verdict.
    pub const fn rejudge(&mut self, before: &Verdict, now: &Verdict) {
        let count = self.of(before);
        *count = count.saturating_sub(1);
        *self.of(now) += 1;
    }

    const fn of(&mut self, verdict: &Verdict) -> &mut u64 {
        match verdict {
            Verdict::Valid { .. } => &mut self.valid,
            Verdict::Invalid { .. } => &mut self.invalid,
            Verdict::Unsigned => &mut self.unsigned,
            Verdict::Unchecked => &mut self.unchecked,
        }
    }
}
