//! Answers in the API's shapes, which are those of FastAPI.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use rusqlite::ErrorCode;
use serde_json::{Value, json};

/// An answer of this JSON.
pub(super) fn say(status: StatusCode, value: &Value) -> Response {
    let kind = HeaderValue::from_static("application/json");
    (status, [(header::CONTENT_TYPE, kind)], value.to_string()).into_response()
}

/// 200 with this JSON.
pub(super) fn fine(value: &Value) -> Response {
    say(StatusCode::OK, value)
}

/// `{"detail": …}` with this status.
pub(super) fn refuse(status: StatusCode, detail: &str) -> Response {
    say(status, &json!({ "detail": detail }))
}

/// An answer that says no.
#[derive(Debug)]
pub(super) struct No(Box<Response>);

impl No {
    pub(super) fn new(status: StatusCode, detail: &str) -> Self {
        Self(Box::new(refuse(status, detail)))
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    /// 401, as OAuth wants it.
    pub(super) fn unauthorized(detail: &str) -> Self {
        let mut response = refuse(StatusCode::UNAUTHORIZED, detail);
        let scheme = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, scheme);
        Self(Box::new(response))
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

impl From<rusqlite::Error> for No {
    fn from(error: rusqlite::Error) -> Self {
        tracing::error!("the sandbox's state cannot be used: {error}");
        let cannot = match error.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => "the disk is full",
            Some(ErrorCode::SystemIoFailure | ErrorCode::ReadOnly) => "the disk does not take it",
            Some(ErrorCode::DatabaseCorrupt) => "its file is damaged",
            _ => {
                return Self::new(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error");
            }
        };
        let detail = format!("the sandbox's state cannot be kept: {cannot}");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, &detail)
    }
}

/// What is wrong with a request, a list as FastAPI has it.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<Value>);

impl Mistakes {
    /// `at` is where, such as `["body", "url"]`; `kind` is pydantic's word.
    pub(super) fn add(&mut self, at: &[&str], kind: &str, message: &str) {
        self.0
            .push(json!({ "loc": at, "msg": message, "type": kind }));
    }

    /// The same with what pydantic says beside it.
    pub(super) fn add_with(&mut self, at: &[&str], kind: &str, message: &str, context: &Value) {
        self.0
            .push(json!({ "loc": at, "msg": message, "type": kind, "ctx": context }));
    }

    /// The same at a character of the body.
    pub(super) fn add_json(&mut self, character: usize, message: &str) {
        self.0.push(json!({
            "loc": ["body", character],
            "msg": message,
            "type": "value_error.jsondecode",
            "ctx": { "msg": message, "pos": character },
        }));
    }

    /// `Ok` where there are none, else the 422.
    pub(super) fn check(self) -> Result<(), No> {
        if self.0.is_empty() {
            return Ok(());
        }
        let body = json!({ "detail": self.0 });
        Err(say(StatusCode::UNPROCESSABLE_ENTITY, &body).into())
    }
}
