//! The routes under `/api/v1`, and the shapes that they take.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequestParts, Path, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use axum::{Router, middleware};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::About;
use super::guard::{Guard, guard};
use super::refuse::{json, refuse};
use crate::capture::again::{Again, AgainError, Draft, Sign};
use crate::config::Target;
use crate::delivery::{Attempt, Delivery, Kept, Scheme};
use crate::wire::{self, Object};

/// The largest body of a request: a delivery of 25 MB can be 150 MB of JSON.
const MAX_BODY: usize = 160 << 20;

#[derive(Debug, Clone)]
struct Parts {
    again: Again,
    about: Arc<About>,
}

/// All routes, behind the guard.
pub(super) fn router(again: Again, about: About, by: Arc<Guard>) -> Router {
    let parts = Parts {
        again,
        about: Arc::new(about),
    };
    Router::new()
        .route("/api/v1/status", get(status))
        .route("/api/v1/deliveries", post(take_in).delete(clear))
        .route("/api/v1/deliveries/{id}", delete(delete_one))
        .route("/api/v1/deliveries/{id}/replay", post(replay))
        .route("/api/v1/deliveries/{id}/mark", put(mark).delete(unmark))
        .route("/api/v1/send", post(send))
        .route("/api/v1/settle", post(settle))
        .method_not_allowed_fallback(|| async {
            refuse(
                StatusCode::METHOD_NOT_ALLOWED,
                "no_route",
                "this route has no such method",
                "",
            )
        })
        .fallback(|| async {
            refuse(
                StatusCode::NOT_FOUND,
                "no_route",
                "there is no such route",
                "",
            )
        })
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(middleware::from_fn_with_state(by, guard))
        .with_state(parts)
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
        let id = text.parse().map(Self);
        id.map_err(|_| Bad(format!("`{}` is no id", text.escape_debug())).into_response())
    }
}

fn answer(object: &Object<'_>) -> Response {
    let mut text = Vec::new();
    let _ = object.write_line(&mut text);
    json(StatusCode::OK, text)
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

/// A request that makes no sense.
struct Bad(String);

impl IntoResponse for Bad {
    fn into_response(self) -> Response {
        refuse(StatusCode::BAD_REQUEST, "usage", &self.0, "")
    }
}

fn read<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Bad> {
    serde_json::from_slice(body)
        .map_err(|error| Bad(format!("the body is not as it should be: {error}")))
}

fn target(text: Option<&str>) -> Result<Option<Target>, Bad> {
    text.map(|text| {
        text.parse::<Target>()
            .map_err(|error| Bad(error.to_string()))
    })
    .transpose()
}

#[derive(Serialize)]
struct Status<'a> {
    v: u32,
    version: &'a str,
    pid: u32,
    url: &'a str,
    targets: Vec<String>,
    store: Option<&'a str>,
    kept: usize,
    secrets: Vec<&'a str>,
}

async fn status(State(parts): State<Parts>) -> Response {
    let (policy, secrets) = (parts.again.policy(), parts.again.secrets());
    let status = Status {
        v: wire::VERSION,
        version: env!("CARGO_PKG_VERSION"),
        pid: std::process::id(),
        url: &parts.about.url,
        targets: policy.targets().map(ToString::to_string).collect(),
        store: parts.about.store.as_deref(),
        kept: parts.again.store().len(),
        secrets: secrets.iter().map(|secret| &**secret.label()).collect(),
    };
    let mut text = Vec::new();
    if wire::write_line(&status, &mut text).is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "internal", "no JSON", "");
    }
    json(StatusCode::OK, text)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ReplayIn {
    to: Option<String>,
}

async fn replay(State(parts): State<Parts>, Id(id): Id, body: Bytes) -> Result<Response, Response> {
    let wanted: ReplayIn = read(&body).map_err(IntoResponse::into_response)?;
    let to = target(wanted.to.as_deref()).map_err(IntoResponse::into_response)?;
    let attempt = finish(async move { parts.again.replay(id, to.as_ref()).await }).await?;
    Ok(answer(&Object::from(&*attempt)))
}

/// What `POST /api/v1/send` takes: a request in the shape that deliveries have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendIn {
    request: RequestIn,
    original: Option<u64>,
    sign: Option<SignIn>,
    to: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestIn {
    method: Box<str>,
    path: Box<str>,
    headers: Vec<(String, String)>,
    body: String,
    body_encoding: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    secret: Option<String>,
    scheme: Option<String>,
}

impl SendIn {
    fn into_draft(self) -> Result<Draft, Bad> {
        let sign = self.sign.map(|sign| {
            let scheme = sign.scheme.map(|name| {
                Scheme::from_name(&name).ok_or_else(|| Bad(format!("there is no scheme `{name}`")))
            });
            Ok::<_, Bad>(Sign {
                secret: sign.secret,
                scheme: scheme.transpose()?,
            })
        });
        Ok(Draft {
            method: self.request.method,
            path_and_query: self.request.path,
            headers: wire::headers(&self.request.headers).map_err(Bad)?,
            body: wire::bytes(self.request.body, &self.request.body_encoding).map_err(Bad)?,
            original: self.original,
            sign: sign.transpose()?,
        })
    }
}

#[derive(Serialize)]
struct Sent<'a> {
    delivery: Object<'a>,
    attempt: Object<'a>,
}

async fn send(State(parts): State<Parts>, body: Bytes) -> Result<Response, Response> {
    let wanted: SendIn = read(&body).map_err(IntoResponse::into_response)?;
    let to = target(wanted.to.as_deref()).map_err(IntoResponse::into_response)?;
    let draft = wanted.into_draft().map_err(IntoResponse::into_response)?;
    let (delivery, attempt): (Arc<Delivery>, Arc<Attempt>) =
        finish(async move { parts.again.send(draft, to.as_ref()).await }).await?;
    let sent = Sent {
        delivery: Object::from(&*delivery),
        attempt: Object::from(&*attempt),
    };
    let mut text = Vec::new();
    let _ = wire::write_line(&sent, &mut text);
    Ok(json(StatusCode::OK, text))
}

async fn take_in(State(parts): State<Parts>, body: Bytes) -> Result<Response, Response> {
    let bad = |message: String| Bad(message).into_response();
    let object: Value = read(&body).map_err(IntoResponse::into_response)?;
    let wire::Read::Delivery {
        id,
        request,
        marked,
        attempts,
    } = wire::read(object).map_err(bad)?
    else {
        return Err(bad("this is no delivery".into()));
    };
    let kept = Kept {
        delivery: Arc::new(Delivery {
            id,
            request: *request,
        }),
        attempts: attempts.into_iter().map(Arc::new).collect(),
        marked,
    };
    let delivery = finish(async move { parts.again.take_in(kept).await }).await?;
    Ok(answer(&Object::from(&*delivery)))
}

/// Runs on even if whoever asked hangs up, so that nothing is done by half.
async fn finish<T: Send + 'static>(
    work: impl Future<Output = Result<T, AgainError>> + Send + 'static,
) -> Result<T, Response> {
    match tokio::spawn(work).await {
        Ok(done) => done.map_err(IntoResponse::into_response),
        Err(_) => Err(refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "cmhook failed to do that",
            "",
        )),
    }
}

fn deleted(ids: &[u64]) -> Response {
    answer(&Object::Deleted { ids })
}

async fn delete_one(State(parts): State<Parts>, Id(id): Id) -> Response {
    match &parts.again.store().delete(&[id])[..] {
        [] => AgainError::NoDelivery(id).into_response(),
        ids => deleted(ids),
    }
}

async fn clear(State(parts): State<Parts>) -> Response {
    deleted(&parts.again.store().clear())
}

async fn mark(State(parts): State<Parts>, Id(id): Id) -> Response {
    set_mark(&parts, id, true)
}

async fn unmark(State(parts): State<Parts>, Id(id): Id) -> Response {
    set_mark(&parts, id, false)
}

fn set_mark(parts: &Parts, delivery: u64, marked: bool) -> Response {
    if parts.again.store().mark(delivery, marked) {
        answer(&Object::Marked { delivery, marked })
    } else {
        AgainError::NoDelivery(delivery).into_response()
    }
}

/// Answers once all that was done before can be read in the store.
async fn settle(State(parts): State<Parts>) -> Response {
    match parts.again.store().settled().wait().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => AgainError::Unsaved(why).into_response(),
    }
}
