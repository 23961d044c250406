//! The routes of ngrok's agent that inspect and replay, for scripts that were written for it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use super::deliveries::get;
use crate::delivery::Kept;
use crate::export::http as wire_format;
use crate::inspector::answer::{No, aside, finish, say};
use crate::inspector::asked::{Asked, Body, Id, number, read};
use crate::inspector::parts::Parts;
use crate::wire::{NgrokRequest, NgrokRequests, NgrokTunnel, NgrokTunnels, TUNNEL};

/// Requests where nobody says how many, and at most.
const USUAL: usize = 50;
const MOST: usize = 200;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RequestsIn {
    limit: Option<usize>,
    tunnel_name: Option<String>,
}

fn object(kept: &Kept) -> NgrokRequest<'_> {
    NgrokRequest::new(kept, wire_format::request(&kept.delivery.request))
}

/// The newest deliveries.
pub(super) async fn requests(
    State(parts): State<Parts>,
    Asked(asked): Asked<RequestsIn>,
) -> Result<Response, No> {
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let is_own = asked.tunnel_name.is_none_or(|name| name == TUNNEL);
    let kept = if is_own {
        parts.again.store().newest(limit)
    } else {
        Vec::new()
    };
    aside(move || {
        say(&NgrokRequests {
            uri: "/api/requests/http",
            requests: kept.iter().rev().map(object).collect(),
        })
    })
    .await
}

/// One delivery.
pub(super) async fn request(State(parts): State<Parts>, Id(id): Id) -> Result<Response, No> {
    let kept = get(&parts, id)?;
    aside(move || say(&object(&kept))).await
}

#[derive(Deserialize)]
struct ReplayIn {
    id: String,
}

/// Sends one once more.
pub(super) async fn replay(State(parts): State<Parts>, Body(body): Body) -> Result<Response, No> {
    let wanted: ReplayIn = read(&body)?;
    let id = number(&wanted.id)?;
    finish(async move { parts.again.replay(id, None).await }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Deletes all.
pub(super) async fn clear(State(parts): State<Parts>) -> Response {
    parts.again.store().clear();
    StatusCode::NO_CONTENT.into_response()
}

/// The way in, as a list.
pub(super) async fn tunnels(State(parts): State<Parts>) -> Response {
    with_tunnel(&parts, |tunnel| say(&NgrokTunnels::from(tunnel)))
}

/// The way in.
pub(super) async fn tunnel(
    State(parts): State<Parts>,
    name: Result<Path<String>, PathRejection>,
) -> Result<Response, No> {
    if name.is_ok_and(|Path(name)| name == TUNNEL) {
        return Ok(with_tunnel(&parts, |tunnel| say(&tunnel)));
    }
    let why = format!("there is one tunnel only, `{TUNNEL}`");
    Err(No::new(StatusCode::NOT_FOUND, "no_tunnel", &why, ""))
}

fn with_tunnel(parts: &Parts, say: impl FnOnce(NgrokTunnel<'_>) -> Response) -> Response {
    let policy = parts.again.policy();
    let target = policy.targets().next().map(ToString::to_string);
    let received = parts.again.store().counts().received;
    let public = parts.again.store().tunnel();
    let public = parts.public_url(public.as_deref());
    say(NgrokTunnel::new(
        public.unwrap_or(&parts.about.url),
        target.as_deref(),
        received,
    ))
}
