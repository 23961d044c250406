//! The routes under `/api/v1`, and what they have in common.

mod act;
mod control;
mod deliveries;
mod files;
mod ngrok;

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Path, Query, Request};
use axum::response::{IntoResponse, Response};
use axum::{Router, middleware};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};

use super::guard::{SESSION, guard, host_only};
use super::parts::Parts;
use super::refuse::{json, refuse};
use super::table::{Route, Table};
use super::{assets, live};
use crate::capture::again::AgainError;
use crate::config::Target;
use crate::wire::{self, Object};

/// The largest body of a request: a delivery of 25 MB can be 150 MB of JSON.
const MAX_BODY: usize = 160 << 20;

/// What wants a token.
fn table() -> Table<Parts> {
    Table::new()
        .get("/api/v1/status", control::status)
        .get(SESSION, control::session)
        .post(SESSION, control::open_session)
        .get("/api/v1/live", live::open)
        .get("/api/v1/openapi.json", files::openapi)
        .get("/api/v1/events", control::events)
        .get("/api/v1/secrets", control::secrets)
        .post("/api/v1/secrets", control::add_secret)
        .put("/api/v1/target", control::set_target)
        .put("/api/v1/pause", control::pause)
        .post("/api/v1/settle", act::settle)
        .get("/api/v1/deliveries", deliveries::list)
        .post("/api/v1/deliveries", act::take_in)
        .delete("/api/v1/deliveries", deliveries::clear)
        .get("/api/v1/deliveries/{id}", deliveries::one)
        .delete("/api/v1/deliveries/{id}", deliveries::delete)
        .get("/api/v1/deliveries/{id}/body", files::body)
        .get("/api/v1/deliveries/{id}/raw", files::raw)
        .get(
            "/api/v1/deliveries/{id}/attempts/{n}/body",
            files::response_body,
        )
        .get("/api/v1/deliveries/{id}/signature", deliveries::signature)
        .get("/api/v1/deliveries/{id}/export", files::export_one)
        .post("/api/v1/deliveries/{id}/replay", act::replay)
        .put("/api/v1/deliveries/{id}/mark", deliveries::mark)
        .delete("/api/v1/deliveries/{id}/mark", deliveries::unmark)
        .get("/api/v1/export", files::export)
        .get("/api/v1/diff", deliveries::diff)
        .post("/api/v1/send", act::send)
        .post("/api/v1/trigger", act::trigger)
        .get("/api/requests/http", ngrok::requests)
        .post("/api/requests/http", ngrok::replay)
        .delete("/api/requests/http", ngrok::clear)
        .get("/api/requests/http/{id}", ngrok::request)
        .get("/api/tunnels", ngrok::tunnels)
        .get("/api/tunnels/{name}", ngrok::tunnel)
}

/// The page, which tells nothing by itself.
fn page() -> Table<Parts> {
    Table::new()
        .get("/", assets::page)
        .get("/inspector.css", assets::style)
        .get("/inspector.js", assets::script)
        .get("/icon.svg", assets::icon)
}

/// Every route that wants a token.
pub fn routes() -> Vec<Route> {
    table().into_routes()
}

/// All routes, behind the guard.
pub(super) fn router(parts: Parts) -> Router {
    let by = Arc::clone(&parts.guard);
    let no_method = |request: Request| async move {
        refuse(
            StatusCode::METHOD_NOT_ALLOWED,
            "no_route",
            &format!(
                "`{}` cannot be asked with {}",
                request.uri().path().escape_debug(),
                request.method()
            ),
            "docs/api.md lists the routes",
        )
    };
    let no_route = |request: Request| async move {
        refuse(
            StatusCode::NOT_FOUND,
            "no_route",
            &format!("there is no `{}`", request.uri().path().escape_debug()),
            "docs/api.md lists the routes",
        )
    };
    let api = table()
        .into_router()
        .method_not_allowed_fallback(no_method)
        .fallback(no_route)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(Arc::clone(&by), guard));
    let page = if parts.about.page {
        page().into_router()
    } else {
        Router::new()
    };
    let page = page
        .method_not_allowed_fallback(no_method)
        .layer(middleware::from_fn_with_state(by, host_only));
    api.merge(page).with_state(parts)
}

/// A delivery's id in the path.
struct Id(u64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Response> {
        let path = Path::<String>::from_request_parts(parts, state).await;
        let text = path.map(|Path(text)| text).unwrap_or_default();
        number(&text).map(Self).map_err(IntoResponse::into_response)
    }
}

/// A delivery's id and an attempt's number in the path.
struct Attempted(u64, u32);

impl<S: Send + Sync> FromRequestParts<S> for Attempted {
    type Rejection = Response;

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        state: &S,
    ) -> Result<Self, Response> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let (id, n) = path.map(|Path(texts)| texts).unwrap_or_default();
        let numbers = number(&id).and_then(|id| Ok(Self(id, number(&n)?)));
        numbers.map_err(IntoResponse::into_response)
    }
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, No> {
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

/// A request's body, whole.
struct Body(Bytes);

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

fn answer(object: &Object<'_>) -> Response {
    say(object)
}

/// An answer of this value in JSON.
fn say(value: &impl Serialize) -> Response {
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
    fn new(status: StatusCode, code: &str, message: &str, hint: &str) -> Self {
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
struct Bad(String);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        refuse(StatusCode::BAD_REQUEST, "usage", &self.0, "")
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(body)
        .map(|wire::Fields(read)| read)
        .map_err(|error| Bad(format!("the body is not as it should be: {error}")))
}

/// The same of a body that may be left out.
fn read_or_default<T: for<'de> Deserialize<'de> + Default>(body: &Bytes) -> Result<T, Bad> {
    if body.is_empty() {
        return Ok(T::default());
    }
    read(body)
}

fn target(text: Option<&str>) -> Result<Option<Target>, Bad> {
    text.map(|text| {
        text.parse::<Target>()
            .map_err(|error| Bad(error.to_string()))
    })
    .transpose()
}

/// Runs on even if whoever asked hangs up, so that nothing is done by half.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, AgainError>> + Send + 'static,
) -> Result<T, No> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(No::from),
        Err(_) => Err(failed()),
    }
}

/// Work that takes long, on a thread where it holds up nobody.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, No> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|_| failed())
}

fn failed() -> No {
    No::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "internal",
        "cmhook failed to do that",
        "",
    )
}
