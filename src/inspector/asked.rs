//! What is asked: the parts of a path, what stands behind the `?`, and bodies.

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse as _, Response};
use http::{StatusCode, header};
use serde::Deserialize;

use super::answer::{Bad, No, refuse};
use crate::config::Target;
use crate::wire;

/// The largest body of a request: a delivery of 25 MB can be 150 MB of JSON.
pub(super) const MAX_BODY: usize = 160 << 20;

/// A delivery's id in the path.
pub(super) struct Id(pub(super) u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Response> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        number(&text).map(Self).map_err(No::into_response)
    }
}

/// A delivery's id and an attempt's number in the path.
pub(super) struct Attempted(pub(super) u64, pub(super) u32);

impl<S: Send + Sync> FromRequestParts<S> for Attempted {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Response> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (id, n) = path.map(|Path(texts)| texts).unwrap_or_default();
        let numbers = number(&id).and_then(|id| Ok(Self(id, number(&n)?)));
        numbers.map_err(No::into_response)
    }
}

/// A number in a path.
pub(super) fn number<T: std::str::FromStr>(text: &str) -> Result<T, No> {
    let bad = |_| Bad(format!("`{}` is no number", text.escape_debug())).into();
    text.parse().map_err(bad)
}

/// What stands behind the `?`.
pub(super) struct Asked<T>(pub(super) T);

impl<T: for<'de> Deserialize<'de>, S: Send + Sync> FromRequestParts<S> for Asked<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut http::request::Parts, _: &S) -> Result<Self, Response> {
        let asked = Query::<T>::try_from_uri(&parts.uri);
        let asked = asked.map_err(|error| {
            let why = std::error::Error::source(&error)
                .map_or_else(|| error.to_string(), ToString::to_string);
            Bad(format!(
                "what stands behind the `?` is not as it should be: {why}"
            ))
            .into_response()
        })?;
        Ok(Self(asked.0))
    }
}

/// A body in JSON.
pub(super) fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(body)
        .map(|wire::Fields(read)| read)
        .map_err(|error| Bad(format!("the body is not as it should be: {error}")))
}

/// The same of a body that may be left out.
pub(super) fn read_or_default<T: for<'de> Deserialize<'de> + Default>(
    body: &Bytes,
) -> Result<T, Bad> {
    if body.is_empty() {
        return Ok(T::default());
    }
    read(body)
}

/// A target, where one is named.
pub(super) fn target(text: Option<&str>) -> Result<Option<Target>, Bad> {
    text.map(|text| {
        text.parse::<Target>()
            .map_err(|error| Bad(error.to_string()))
    })
    .transpose()
}

/// A request's body, whole.
pub(super) struct Body(pub(super) Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let too_long = || {
            refuse(
                StatusCode::PAYLOAD_TOO_LARGE,
                "body_too_large",
                &format!("the body is over {} MiB", MAX_BODY >> 20),
                "",
            )
        };
        // What is known to be too long is not read first.
        let length = request.headers().get(header::CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(too_long());
        }
        Bytes::from_request(request, state)
            .await
            .map(Self)
            .map_err(|error| match error.status() {
                StatusCode::PAYLOAD_TOO_LARGE => too_long(),
                _ => Bad("the body did not come whole".into()).into_response(),
            })
    }
}
