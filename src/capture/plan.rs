//! What happens to a delivery besides being kept.

use http::StatusCode;

use crate::cakemail::event::EventPattern;
use crate::config::{Policy, Target};
use crate::delivery::Received;

/// What is to be done.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Plan {
    /// Answer this status, for this reason.
    Answer(StatusCode, &'static str),
    /// Forward to these targets, at least one.
    Forward(Vec<Target>),
}

impl Plan {
    /// The policy's word on a delivery, and that of a pause. What does not verify is turned
    /// away in a pause too: it is not to be sent again.
    pub(super) fn of(policy: &Policy, paused: bool, request: &Received) -> Self {
        let event = request.event.as_deref();
        let matches = |pattern: &EventPattern| event.is_some_and(|event| pattern.matches(event));
        if policy.reject_invalid && !request.verdict.is_valid() {
            return Self::Answer(
                StatusCode::UNAUTHORIZED,
                "kept, rejected because its signature does not verify (--reject-invalid)",
            );
        }
        if paused {
            return Self::Answer(
                StatusCode::SERVICE_UNAVAILABLE,
                "kept, not forwarded while forwarding is paused",
            );
        }
        if let Some(status) = policy.status {
            return Self::Answer(status, "kept, answered by --status");
        }
        if let Some((_, target)) = policy.routes.iter().find(|(pattern, _)| matches(pattern)) {
            return Self::Forward(vec![target.clone()]);
        }
        if !policy.events.is_empty() && !policy.events.iter().any(matches) {
            return Self::Answer(
                StatusCode::OK,
                "kept, not forwarded: its event is not in --events",
            );
        }
        if policy.forward.is_empty() {
            return Self::Answer(StatusCode::OK, "kept, there is no target");
        }
        Self::Forward(policy.forward.clone())
    }
}
