//! `/webhooks`, as Cakemail's API reference and its SDK describe it.

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode, Uri};
use serde_json::{Value, json};

use super::super::answer::{No, fine};
use super::super::book::Page;
use super::super::{Shared, checks, now};
use super::App;
use super::request::{Query, authorize, body, id};
use crate::cakemail::webhook::Webhook;

/// Webhooks on a page where nothing else was asked for, and at most.
const PER_PAGE: (u32, u32) = (50, 100);

type Id = Result<Path<String>, PathRejection>;

pub(super) async fn list(State(shared): App, headers: HeaderMap, uri: Uri) -> Result<Response, No> {
    authorize(&shared, &headers).await?;
    let mut query = Query::of(&uri);
    let (usual, most) = PER_PAGE;
    let page = Page {
        account: query.account(),
        with_archived: query.switch("with_archived"),
        number: query.number("page", 1, u32::MAX),
        size: query.number("per_page", usual, most),
    };
    let with_count = query.switch("with_count");
    query.check()?;
    let (webhooks, count) = shared.book.with(move |book| book.webhooks(page)).await?;
    let mut pagination = json!({ "page": page.number, "per_page": page.size });
    if with_count {
        pagination["count"] = json!(count);
    }
    Ok(fine(&json!({ "pagination": pagination, "data": webhooks })))
}

pub(super) async fn create(State(shared): App, request: Request) -> Result<Response, No> {
    let (headers, mut query) = head(&request);
    authorize(&shared, &headers).await?;
    let account = query.account();
    query.check()?;
    let new = checks::new_webhook(&body(request).await?, &headers, shared.options.rules)?;
    let made = shared
        .book
        .with(move |book| book.create(account, &new))
        .await?;
    let Some(webhook) = made else {
        let detail = "the account has as many webhooks as it may have";
        return Err(No::new(StatusCode::BAD_REQUEST, detail));
    };
    Ok(fine(&json!({ "id": webhook.id, "data": webhook })))
}

pub(super) async fn show(
    State(shared): App,
    path: Id,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, No> {
    authorize(&shared, &headers).await?;
    let id = id(path)?;
    let mut query = Query::of(&uri);
    let account = query.account();
    query.check()?;
    let found = shared.book.with(move |book| {
        let webhook = book.webhook(account, &id)?;
        let with_key = |webhook: Webhook| Ok((book.key(&webhook.id)?, webhook));
        webhook.map(with_key).transpose()
    });
    let (key, webhook) = found.await?.ok_or_else(No::not_found)?;
    Ok(fine(&json!({
        "id": webhook.id,
        "signature": { "key": key, "hash_function": "sha256" },
        "data": webhook,
    })))
}

pub(super) async fn patch(State(shared): App, path: Id, request: Request) -> Result<Response, No> {
    let (headers, mut query) = head(&request);
    authorize(&shared, &headers).await?;
    let id = id(path)?;
    let account = query.account();
    query.check()?;
    let body = body(request).await?;
    let change = checks::change(&body, &headers, shared.options.rules)?;
    let engine = shared.engine.clone();
    let changed = shared.book.with_then(
        move |book| book.change(account, &id, &change),
        move |changed| changed.inspect(|webhook| engine.paced(webhook)),
    );
    let webhook = changed.await?.ok_or_else(No::not_found)?;
    Ok(fine(&with_object(&webhook, "patched", true)))
}

pub(super) async fn archive(
    State(shared): App,
    path: Id,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, No> {
    set_archived(&shared, path, &headers, &uri, true).await
}

pub(super) async fn unarchive(
    State(shared): App,
    path: Id,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, No> {
    set_archived(&shared, path, &headers, &uri, false).await
}

async fn set_archived(
    shared: &Shared,
    path: Id,
    headers: &HeaderMap,
    uri: &Uri,
    archived: bool,
) -> Result<Response, No> {
    authorize(shared, headers).await?;
    let mut query = Query::of(uri);
    let id = id(path)?;
    let account = query.account();
    query.check()?;
    let since = archived.then(|| now() / 1000);
    let engine = shared.engine.clone();
    let done = shared.book.with_then(
        move |book| book.archive(account, &id, since),
        move |done| {
            done.inspect(|webhook| {
                if archived {
                    engine.dropped(&webhook.id);
                }
            })
        },
    );
    let webhook = done.await?.ok_or_else(No::not_found)?;
    Ok(fine(&with_object(&webhook, "archived", archived)))
}

fn with_object(webhook: &Webhook, what: &str, is: bool) -> Value {
    json!({ "id": webhook.id, "data": webhook, "object": "Webhook", what: is })
}

fn head(request: &Request) -> (HeaderMap, Query) {
    (request.headers().clone(), Query::of(request.uri()))
}
