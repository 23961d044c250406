//! What the list says of a delivery.

use std::time::Duration;

use jiff::Timestamp;

use crate::delivery::{
    FailureCode, Kept, Outcome, OwnAnswer, Received, Verdict, escape_for_terminal,
};

/// Characters of a name that are kept; no terminal has room for more.
const LONGEST_NAME: usize = 80;

/// What verification said, as far as a mark tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Mark {
    Valid,
    Invalid,
    Unsigned,
    Unchecked,
}

impl From<&Verdict> for Mark {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Valid { .. } => Self::Valid,
            Verdict::Invalid { .. } => Self::Invalid,
            Verdict::Unsigned => Self::Unsigned,
            Verdict::Unchecked => Self::Unchecked,
        }
    }
}

/// How it last went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::tui) enum Ending {
    /// Nothing has come of it yet.
    Open,
    /// It came in before cmhook was started, and no app was asked.
    Past,
    /// The app answered.
    Answered(u16),
    /// The app gave no answer.
    Failed(FailureCode),
    /// cmhook answered by itself, or the relay has; no app was asked.
    Own(u16),
}

impl Ending {
    /// Whether no app has answered it, and cmhook has not either.
    pub(super) const fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Past)
    }

    /// Whether somebody has to look at it.
    pub(in crate::tui) const fn is_failure(self) -> bool {
        matches!(
            self,
            Self::Failed(_) | Self::Answered(400..) | Self::Own(400..)
        )
    }
}

/// A delivery in the list. It is small and holds nothing of the delivery itself, so that
/// the ring alone decides how long that is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::tui) struct Row {
    pub(in crate::tui) id: u64,
    pub(in crate::tui) at: Timestamp,
    /// The event, or method and path of what is none; harmless on a terminal.
    pub(in crate::tui) name: Box<str>,
    pub(in crate::tui) mark: Mark,
    pub(in crate::tui) ending: Ending,
    /// How long the newest attempt took.
    pub(in crate::tui) took: Option<Duration>,
    pub(in crate::tui) replays: usize,
    pub(in crate::tui) marked: bool,
    /// Whether it waited at the relay.
    pub(in crate::tui) waited: bool,
    /// The delivery that this one is an edited copy of.
    pub(in crate::tui) original: Option<u64>,
}

impl Row {
    /// The row of a kept delivery.
    pub(in crate::tui) fn of(kept: &Kept) -> Self {
        let request = &kept.delivery.request;
        let newest = kept.newest();
        Self {
            id: kept.delivery.id,
            at: request.received_at,
            name: name_of(request),
            mark: Mark::from(&request.verdict),
            ending: newest.map_or(Ending::Open, |attempt| match &attempt.outcome {
                Outcome::Answered(answer) => Ending::Answered(answer.status),
                Outcome::Failed(failure) => Ending::Failed(failure.code),
            }),
            took: newest.map(|attempt| attempt.took),
            replays: kept.replays(),
            marked: kept.marked,
            waited: request.queued_at().is_some(),
            original: request.original,
        }
    }

    /// Takes note of an answer that no app gave.
    pub(super) const fn answer(&mut self, answer: &OwnAnswer) {
        if self.ending.is_open() {
            self.ending = Ending::Own(answer.status);
        }
    }

    /// Whether somebody has to look at it.
    pub(in crate::tui) fn is_failure(&self) -> bool {
        self.ending.is_failure() || self.mark == Mark::Invalid
    }
}

fn name_of(request: &Received) -> Box<str> {
    let cut = |text: &str| -> String { text.chars().take(LONGEST_NAME).collect() };
    let name = request.event.as_deref().map_or_else(
        || format!("{} {}", cut(&request.method), cut(request.path())),
        cut,
    );
    escape_for_terminal(&name).into()
}
