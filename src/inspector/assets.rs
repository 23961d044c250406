//! The page: three files and an icon, as they are in the binary. Nothing that was captured
//! is in them, so they need no token.

use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue};

use super::parts::Parts;

/// One file, with what a browser may do with it.
fn file(parts: &Parts, kind: &'static str, text: &'static str) -> Response {
    let kind = HeaderValue::from_static(kind);
    let mut response = ([(CONTENT_TYPE, kind)], text).into_response();
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
         connect-src 'self' {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
         require-trusted-types-for 'script'; trusted-types 'none'",
        parts.guard.sockets()
    );
    // It is of letters, digits and what addresses are written with.
    if let Ok(policy) = HeaderValue::from_str(&policy) {
        response
            .headers_mut()
            .insert(CONTENT_SECURITY_POLICY, policy);
    }
    response
}

pub(super) async fn page(State(parts): State<Parts>) -> Response {
    let text = include_str!("../../assets/inspector/index.html");
    file(&parts, "text/html; charset=utf-8", text)
}

pub(super) async fn style(State(parts): State<Parts>) -> Response {
    let text = include_str!("../../assets/inspector/inspector.css");
    file(&parts, "text/css; charset=utf-8", text)
}

pub(super) async fn script(State(parts): State<Parts>) -> Response {
    let text = include_str!("../../assets/inspector/inspector.js");
    file(&parts, "text/javascript; charset=utf-8", text)
}

pub(super) async fn icon(State(parts): State<Parts>) -> Response {
    let text = include_str!("../../assets/inspector/icon.svg");
    file(&parts, "image/svg+xml", text)
}
