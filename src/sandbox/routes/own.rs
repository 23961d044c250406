//! The sandbox itself: what it is, faults, and beginning anew.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use serde_json::json;

use super::super::answer::{Mistakes, No, fine};
use super::super::book::Inner;
use super::super::checks::fields;
use super::super::faults::Fault;
use super::{App, request};

pub(super) async fn about(State(shared): App) -> Result<Response, No> {
    let counts = shared.book.with(Inner::counts).await?;
    Ok(fine(&json!({
        "version": env!("CARGO_PKG_VERSION"),
        "emulation": super::super::EMULATION,
        "email": shared.options.email,
        "scheme": shared.options.scheme.name(),
        "envelope": shared.options.envelope.name(),
        "webhooks": counts.webhooks,
        "deliveries": counts.deliveries,
        "faults": shared.faults.count(),
    })))
}

pub(super) async fn add_fault(State(shared): App, request: Request) -> Result<Response, No> {
    let body = request::body(request).await?;
    let mut mistakes = Mistakes::default();
    // What kind of body it says to be does not matter here.
    let fields = fields(&body, &HeaderMap::new(), &mut mistakes)?;
    mistakes.check()?;
    let fault = Fault::read(&fields.unwrap_or_default())?;
    if shared.faults.add(fault) {
        return Ok(fine(&json!({ "added": true })));
    }
    let detail = "there are 1000 faults already";
    Err(No::new(StatusCode::BAD_REQUEST, detail))
}

pub(super) async fn clear_faults(State(shared): App) -> Response {
    fine(&json!({ "cleared": shared.faults.clear() }))
}

pub(super) async fn reset(State(shared): App) -> Result<Response, No> {
    let also = Arc::clone(&shared);
    let seed = shared
        .seed_anew()
        .map_err(|error| No::new(StatusCode::SERVICE_UNAVAILABLE, &error.to_string()))?;
    let forgotten = shared.book.with_then(
        move |book| book.reset(seed),
        move |()| {
            also.faults.clear();
            also.engine.reset();
        },
    );
    forgotten.await?;
    Ok(fine(&json!({ "reset": true })))
}
