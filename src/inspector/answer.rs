//! Answers in JSON, those that say no among them, and work that ends in one.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::capture::again::AgainError;
use crate::wire::{self, Message, Object};

/// An answer that says no.
pub(super) fn refuse(status: StatusCode, code: &str, message: &str, hint: &str) -> Response {
    let mut text = Vec::new();
    let object = Object::Error(Message {
        code,
        message,
        hint,
    });
    // Writing into memory does not fail.
    let _ = object.write_line(&mut text);
    json(status, text)
}

/// An answer of this JSON.
pub(super) fn json(status: StatusCode, text: Vec<u8>) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], text).into_response()
}

/// An answer of this value in JSON.
pub(super) fn say(value: &impl Serialize) -> Response {
    let mut text = Vec::new();
    match wire::write_line(value, &mut text) {
        Ok(()) => json(StatusCode::OK, text),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no JSON", ""),
    }
}

impl IntoResponse for AgainError {
    fn into_response(self) -> Response {
        let status = match &self {
            Self::NoDelivery(_) => StatusCode::NOT_FOUND,
            Self::Unsaved(_) => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        };
        refuse(status, self.code(), &self.to_string(), self.hint())
    }
}

/// An answer that says no.
pub(super) struct No(Box<Response>);

impl No {
    pub(super) fn new(status: StatusCode, code: &str, message: &str, hint: &str) -> Self {
        Self(Box::new(refuse(status, code, message, hint)))
    }
}

impl IntoResponse for No {
    fn into_response(self) -> Response {
        *self.0
    }
}

impl From<Response> for No {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl From<AgainError> for No {
    fn from(error: AgainError) -> Self {
        Self(Box::new(error.into_response()))
    }
}

impl From<Bad> for No {
    fn from(bad: Bad) -> Self {
        Self(Box::new(bad.into_response()))
    }
}

/// A request that makes no sense.
pub(super) struct Bad(pub(super) String);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        refuse(StatusCode::BAD_REQUEST, "usage", &self.0, "")
    }
}

/// Runs on even if whoever asked hangs up, so that nothing is done by half.
pub(super) async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, AgainError>> + Send + 'static,
) -> Result<T, No> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(No::from),
        Err(_) => Err(failed()),
    }
}

/// Work that takes long, on a thread where it holds up nobody.
pub(super) async fn aside<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, No> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| failed())
}

pub(super) fn failed() -> No {
    No::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "cmhook failed to do that",
        "",
    )
}
