//! What to do where nothing at a webhook's URL answers.

use crate::delivery::{Failure, FailureCode};

/// The same failure with what helps here: the URL is the webhook's, and nothing is forwarded.
/// `change` is the command that gives it another.
pub(super) fn advised(failure: Failure, change: &str) -> Failure {
    let hint = match failure.code {
        FailureCode::Refused => {
            format!("start it, or give the webhook a URL that reaches it from here: `{change}`")
        }
        FailureCode::Tls => format!(
            "the webhook's URL says https, so what answers there has to speak TLS, with a certificate that is trusted; `{change}` gives it another URL"
        ),
        FailureCode::Protocol => format!(
            "is the port the app's, and does it speak TLS? `{change}` gives the webhook another URL"
        ),
        FailureCode::Dns => {
            format!("check the name for a typo; `{change}` gives the webhook another URL")
        }
        FailureCode::Closed | FailureCode::Reset => "look for a crash in the app's own log".into(),
        FailureCode::Timeout | FailureCode::Unreachable | FailureCode::Loop | FailureCode::Busy => {
            return failure;
        }
    };
    Failure {
        hint: hint.into(),
        ..failure
    }
}
