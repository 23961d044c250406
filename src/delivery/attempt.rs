//! One forward of a delivery to a target, and how it ended.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::Headers;

/// Why a delivery was forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It had just come in.
    Live,
    /// Somebody asked for it again.
    Replay,
    /// The attempt before it never reached the app.
    Retry,
}

impl Cause {
    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Replay => "replay",
            Self::Retry => "retry",
        }
    }

    /// The cause of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Replay, Self::Retry]
            .into_iter()
            .find(|cause| cause.name() == name)
    }
}

/// One forward of a delivery to a target. Never changed once it is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// The delivery's id.
    pub delivery: u64,
    /// 1 for a delivery's first attempt, given by the store.
    pub n: u32,
    /// Why it was made.
    pub cause: Cause,
    /// The whole URL that was asked for.
    pub target: Box<str>,
    /// When it began.
    pub started_at: Timestamp,
    /// From the first step to the last byte of the answer, or to the failure.
    pub took: Duration,
    /// How it ended.
    pub outcome: Outcome,
}

impl Attempt {
    /// The app's status, if it answered.
    pub const fn status(&self) -> Option<u16> {
        match &self.outcome {
            Outcome::Answered(answer) => Some(answer.status),
            Outcome::Failed(_) => None,
        }
    }

    /// Bytes that this takes in memory, near enough to bound the ring by.
    pub fn weight(&self) -> usize {
        const FIXED: usize = 192;
        FIXED
            + match &self.outcome {
                Outcome::Answered(answer) => answer.body.len() + answer.headers.as_bytes().len(),
                Outcome::Failed(failure) => failure.message.len() + failure.hint.len(),
            }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The app answered, whatever its status.
    Answered(Answer),
    /// No whole answer came.
    Failed(Failure),
}

/// What the app answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers as they came.
    pub headers: Headers,
    /// The start of the body, 1 MiB at most.
    pub body: Bytes,
    /// The length of the whole body in bytes.
    pub size: u64,
    /// From the first step to the answer's head.
    pub first_byte: Duration,
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What kind of failure, for programs.
    pub code: FailureCode,
    /// What happened, naming the target, without a final period.
    pub message: Box<str>,
    /// What to do about it; empty where nothing sensible can be said.
    pub hint: Box<str>,
}

/// The kinds of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCode {
    /// Nothing listens there.
    Refused,
    /// No answer in time.
    Timeout,
    /// The app cut the connection.
    Reset,
    /// The app closed the connection before it answered.
    Closed,
    /// The TLS handshake failed.
    Tls,
    /// The host's name has no address.
    Dns,
    /// There is no route to the host.
    Unreachable,
    /// What came back is not HTTP.
    Protocol,
    /// The target is cmhook itself.
    Loop,
    /// Too much waits for the target already.
    Busy,
}

impl FailureCode {
    const ALL: [Self; 10] = [
        Self::Refused,
        Self::Timeout,
        Self::Reset,
        Self::Closed,
        Self::Tls,
        Self::Dns,
        Self::Unreachable,
        Self::Protocol,
        Self::Loop,
        Self::Busy,
    ];

    /// The word for it in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Tls => "tls",
            Self::Dns => "dns",
            Self::Unreachable => "unreachable",
            Self::Protocol => "protocol",
            Self::Loop => "loop",
            Self::Busy => "busy",
        }
    }

    /// The code of that [`name`](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.name() == name)
    }
}

impl fmt::Display for FailureCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
