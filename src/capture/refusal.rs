//! What is said of a request that does not become a delivery.

use http::StatusCode;
use http::request::Parts;

use crate::delivery::RefusalCode;
use crate::http::body::{BodyError, Limits};

/// `METHOD /path`, as refusals show it. The host in an HTTP/2 request, or in one to a proxy, is
/// not the sender's word for where it is: through a tunnel it is the relay's.
pub(super) fn line_of(parts: &Parts) -> String {
    match parts.uri.path_and_query() {
        Some(path) => format!("{} {path}", parts.method),
        None => format!("{} {}", parts.method, parts.uri),
    }
}

/// What is said of a body that could not be read.
pub(super) fn refusal_of(error: &BodyError, limits: Limits) -> (RefusalCode, StatusCode, String) {
    match error {
        BodyError::TooLarge => (
            RefusalCode::BodyTooLarge,
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body is over {} bytes (--max-body)", limits.max),
        ),
        BodyError::Malformed => (
            RefusalCode::Malformed,
            StatusCode::BAD_REQUEST,
            "the body's chunks are not framed as HTTP says".to_owned(),
        ),
        BodyError::Incomplete { received, expected } => (
            RefusalCode::Incomplete,
            StatusCode::BAD_REQUEST,
            expected.map_or_else(
                || format!("the body ended early, after {received} bytes"),
                |all| format!("the body ended early, after {received} of {all} bytes"),
            ),
        ),
        BodyError::TooSlow { received } => (
            RefusalCode::TooSlow,
            StatusCode::REQUEST_TIMEOUT,
            format!(
                "no more of the body came for {} s, after {received} bytes",
                limits.idle.as_secs()
            ),
        ),
        BodyError::Busy => (
            RefusalCode::Busy,
            StatusCode::SERVICE_UNAVAILABLE,
            "too many large bodies are under way".to_owned(),
        ),
    }
}
