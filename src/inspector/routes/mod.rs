//! The routes.

mod act;
mod control;
mod deliveries;
mod files;
mod ngrok;

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request};
use axum::{Router, middleware};
use http::StatusCode;

use super::answer::refuse;
use super::asked::MAX_BODY;
use super::guard::{SESSION, guard, host_only};
use super::parts::Parts;
use super::table::{Route, Table};
use super::{assets, live};

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
            "/api/v1/openapi.json lists the routes",
        )
    };
    let no_route = |request: Request| async move {
        refuse(
            StatusCode::NOT_FOUND,
            "no_route",
            &format!("there is no `{}`", request.uri().path().escape_debug()),
            "/api/v1/openapi.json lists the routes",
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
