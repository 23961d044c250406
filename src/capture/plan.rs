//! What happens to a delivery besides being kept.

use http::StatusCode;

use crate::cakemail::event::EventPattern;
use crate::config::{Policy, Target};
use crate::delivery::Received;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Answer this status, for this reason.
    Answer(StatusCode, Why),
    /// Forward to these targets, at least one.
    Forward(Vec<Target>),
}

/// Why no app is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Rejected,
    Paused,
    Status,
    OtherEvent,
    NoTarget,
}

impl Why {
    /// For the sender, who is answered now.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Rejected => {
                "kept, rejected because its signature does not verify (--reject-invalid)"
            }
            Self::Status => "kept, answered by --status",
            Self::Paused | Self::OtherEvent | Self::NoTarget => self.of_what_waited(),
        }
    }

    /// Of one that waited at the relay, which has answered its sender then.
    pub(super) const fn of_what_waited(self) -> &'static str {
        match self {
            Self::Rejected => {
                "kept, not forwarded: its signature does not verify (--reject-invalid)"
            }
            Self::Paused => "kept, not forwarded while forwarding is paused",
            Self::Status => "kept, not forwarded (--status)",
            Self::OtherEvent => "kept, not forwarded: its event is not in --events",
            Self::NoTarget => "kept, there is no target",
        }
    }
}

impl Plan {
    /// The policy's word on a delivery, and that of a pause. What does not verify is turned
    /// away in a pause too: it is not to be sent again.
    pub(super) fn of(policy: &Policy, paused: bool, request: &Received) -> Self {
        let event = request.event.as_deref();
        let matches = |pattern: &EventPattern| event.is_some_and(|event| pattern.matches(event));
        if policy.reject_invalid && !request.verdict.is_valid() {
            return Self::Answer(StatusCode::UNAUTHORIZED, Why::Rejected);
        }
        if paused {
            return Self::Answer(StatusCode::SERVICE_UNAVAILABLE, Why::Paused);
        }
        if let Some(status) = policy.status {
            return Self::Answer(status, Why::Status);
        }
        if let Some((_, target)) = policy.routes.iter().find(|(pattern, _)| matches(pattern)) {
            return Self::Forward(vec![target.clone()]);
        }
        if !policy.events.is_empty() && !policy.events.iter().any(matches) {
            return Self::Answer(StatusCode::OK, Why::OtherEvent);
        }
        if policy.forward.is_empty() {
            return Self::Answer(StatusCode::OK, Why::NoTarget);
        }
        Self::Forward(policy.forward.clone())
    }
}
