//! `GET /sandbox/deliveries`: what was fired, and what came of it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::response::Response;
use http::Uri;
use serde_json::{Value, json};

use super::super::answer::{Mistakes, No, fine};
use super::super::guard::AGENT;
use super::super::queue::Status;
use super::super::report::{milliseconds, time};
use super::super::tries::{Kept, Try, Which};
use super::App;
use super::request::{Query, id};
use crate::cakemail::event::EventPattern;
use crate::delivery::Scheme;

/// Deliveries in an answer where nothing else was asked for, and at most.
const LIMIT: (u32, u32) = (50, 10_000);

pub(super) async fn list(State(shared): App, uri: Uri) -> Result<Response, No> {
    let mut query = Query::of(&uri);
    let mut mistakes = Mistakes::default();
    let limit = query.number("limit", LIMIT.0, LIMIT.1);
    let given = |name: &str| query.text(name).filter(|text| !text.is_empty());
    let event = given("event").map(str::parse::<EventPattern>);
    if matches!(event, Some(Err(_))) {
        let message = "it must be the name of an event or a glob";
        mistakes.add(&["query", "event"], "value_error", message);
    }
    let status = given("status").or_else(|| given("outcome"));
    let status = status.map(Status::from_name);
    if matches!(status, Some(None)) {
        let message = "it must be `pending`, `delivered`, `failed` or `archived`";
        mistakes.add(&["query", "status"], "value_error", message);
    }
    let which = Which {
        event: event.and_then(Result::ok),
        status: status.flatten(),
        webhook: given("webhook").map(str::to_owned),
        ids: given("ids").map(|ids| ids.split(',').map(str::to_owned).collect()),
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    };
    query.check()?;
    mistakes.check()?;
    let found = shared
        .book
        .with(move |book| book.deliveries(&which))
        .await?;
    let data: Vec<_> = found
        .iter()
        .map(|(kept, last)| object(kept, last.as_ref()))
        .collect();
    Ok(fine(&json!({ "data": data })))
}

pub(super) async fn show(
    State(shared): App,
    path: Result<Path<String>, PathRejection>,
) -> Result<Response, No> {
    let id = id(path)?;
    let found = shared.book.with(move |book| book.delivery(&id)).await?;
    let (kept, tries, body) = found.ok_or_else(No::not_found)?;
    let mut object = object(&kept, tries.last());
    object["tries"] = tries.iter().map(try_object).collect();
    object["request"] = request(&kept, tries.last(), &body);
    Ok(fine(&object))
}

fn object(kept: &Kept, last: Option<&Try>) -> Value {
    json!({
        "id": kept.id,
        "event_id": kept.event_id,
        "event": kept.event,
        "webhook": kept.webhook,
        "account_id": kept.account,
        "url": url(kept, last),
        "scheme": kept.scheme,
        "created_at": time(kept.created_at),
        "outcome": kept.status.name(),
        "tried": last.map_or(0, |last| last.n),
        "status": last.and_then(|last| last.status),
        "error": last.and_then(|last| last.error.as_deref()),
        "took_ms": last.map(|last| milliseconds(last.took)),
        "next_at": kept.next_at.map(time),
    })
}

/// Where it was sent last, or before its first try where that goes: the webhook may lead
/// elsewhere by now.
fn url<'a>(kept: &'a Kept, last: Option<&'a Try>) -> &'a str {
    last.map_or(&kept.url, |last| &last.url)
}

fn try_object(tried: &Try) -> Value {
    json!({
        "n": tried.n,
        "started_at": time(tried.started_at),
        "url": tried.url,
        "signature": tried.signature,
        "status": tried.status,
        "error": tried.error,
        "message": tried.message,
        "took_ms": milliseconds(tried.took),
        "answer": String::from_utf8_lossy(&tried.answer),
        "next_at": tried.next_at.map(time),
    })
}

/// The request, as it was sent last or is going to be.
fn request(kept: &Kept, last: Option<&Try>, body: &[u8]) -> Value {
    let scheme = Scheme::from_name(&kept.scheme).unwrap_or(Scheme::ApiBase64);
    let mut headers = json!({
        "User-Agent": AGENT,
        "Content-Type": "application/json",
        "Content-Length": body.len().to_string(),
    });
    if let Some(last) = last {
        headers[scheme.header()] = json!(last.signature);
    }
    json!({
        "method": "POST",
        "url": url(kept, last),
        "headers": headers,
        // It was JSON when it came, so it is text.
        "body": String::from_utf8_lossy(body),
    })
}
