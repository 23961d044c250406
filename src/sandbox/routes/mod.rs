//! The API: Cakemail's, and the sandbox's own below `/sandbox`.

mod deliveries;
mod events;
mod own;
mod request;
mod token;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use http::StatusCode;

use super::Shared;
use super::answer::{No, refuse};
use super::guard::{Guard, guard};

/// What every route has.
pub(super) type App = State<Arc<Shared>>;

/// All routes behind the guard.
pub(super) fn router(shared: Arc<Shared>, door: Guard) -> Router {
    Router::new()
        .route("/token", post(token::log_in))
        .route("/token/challenge", post(token::answer_challenge))
        .route("/webhooks", get(webhooks::list).post(webhooks::create))
        .route("/webhooks/{id}", get(webhooks::show).patch(webhooks::patch))
        .route("/webhooks/{id}/archive", post(webhooks::archive))
        .route("/webhooks/{id}/unarchive", post(webhooks::unarchive))
        .route("/sandbox", get(own::about))
        .route("/sandbox/events", post(events::fire))
        .route("/sandbox/deliveries", get(deliveries::list))
        .route("/sandbox/deliveries/{id}", get(deliveries::show))
        .route(
            "/sandbox/faults",
            post(own::add_fault).delete(own::clear_faults),
        )
        .route("/sandbox/reset", post(own::reset))
        .fallback(async || No::not_found())
        .method_not_allowed_fallback(async || {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
        .layer(middleware::from_fn_with_state(Arc::clone(&shared), fault))
        .layer(middleware::from_fn_with_state(Arc::new(door), guard))
        .with_state(shared)
}

/// Gives the answer that somebody asked for in place of the API's own.
async fn fault(State(shared): App, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if path == "/sandbox" || path.starts_with("/sandbox/") {
        return next.run(request).await;
    }
    let Some(fault) = shared.faults.take(request.method(), path) else {
        return next.run(request).await;
    };
    if fault.after {
        drop(next.run(request).await);
    }
    tokio::select! {
        () = tokio::time::sleep(fault.delay) => fault.response(),
        // Nobody is made to wait for a sandbox that has stopped.
        () = shared.stop.cancelled() => {
            No::new(StatusCode::SERVICE_UNAVAILABLE, "the sandbox has stopped").into_response()
        }
    }
}
