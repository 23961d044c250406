//! Answers in JSON, those that say no among them.

use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};

use crate::wire::{Message, Object};

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
