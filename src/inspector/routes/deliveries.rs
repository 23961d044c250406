//! What is kept: the list, one of it, what is said of it, and what differs.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::Deserialize;

use crate::cakemail::explained::explain;
use crate::capture::again::AgainError;
use crate::compare::{RequestChange, ResponseChange, Rules};
use crate::delivery::{Attempt, Kept};
use crate::filter::FilterError;
use crate::inspector::answer::{Bad, No, aside, json, say};
use crate::inspector::asked::{Asked, Id, number};
use crate::inspector::filtering::{parse, passing};
use crate::inspector::parts::Parts;
use crate::store::Store;
use crate::wire::{self, Diff, Object, Page, Row, Side, SignatureObject};

/// Rows in a page where nobody says how many, and at most.
const USUAL: usize = 100;
const MOST: usize = 1000;
/// Lines are compared for so long before the result gets coarser.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListIn {
    limit: Option<usize>,
    before: Option<u64>,
    after: Option<u64>,
    filter: Option<String>,
}

/// A page of the list.
pub(super) async fn list(
    State(parts): State<Parts>,
    Asked(asked): Asked<ListIn>,
) -> Result<Response, No> {
    if asked.before.is_some() && asked.after.is_some() {
        return Err(Bad("`before` and `after` exclude each other".into()).into());
    }
    let limit = asked.limit.unwrap_or(USUAL).clamp(1, MOST);
    let store = parts.again.store().clone();
    let Some(text) = asked.filter.filter(|text| !text.trim().is_empty()) else {
        // One more tells whether there are more.
        let kept = match (asked.before, asked.after) {
            (_, Some(after)) => store.after(after, limit + 1),
            (before, None) => store.before(before.unwrap_or(u64::MAX), limit + 1),
        };
        return Ok(page(
            &store,
            kept,
            limit,
            asked.after.is_some(),
            asked.before.is_some(),
        ));
    };
    let filter = parse(&text).map_err(|error| mistake(&error))?;
    aside(move || {
        let all = passing(&filter, store.all());
        let kept: Vec<_> = match (asked.before, asked.after) {
            (_, Some(after)) => {
                let newer = all.into_iter().filter(|kept| kept.delivery.id > after);
                newer.take(limit + 1).collect()
            }
            (before, None) => {
                let before = before.unwrap_or(u64::MAX);
                let older = all.into_iter().filter(|kept| kept.delivery.id < before);
                let older: Vec<_> = older.collect();
                let from = older.len().saturating_sub(limit + 1);
                older[from..].to_vec()
            }
        };
        page(
            &store,
            kept,
            limit,
            asked.after.is_some(),
            asked.before.is_some(),
        )
    })
    .await
}

fn ids(kept: &[Kept]) -> impl Iterator<Item = u64> {
    kept.iter().map(|kept| kept.delivery.id)
}

/// Cuts off the one that shows whether there are more.
fn page(store: &Store, mut kept: Vec<Kept>, limit: usize, onward: bool, inside: bool) -> Response {
    let is_more = kept.len() > limit;
    if is_more && onward {
        kept.pop();
    } else if is_more {
        kept.remove(0);
    }
    let id = |kept: Option<&Kept>| kept.map(|kept| kept.delivery.id);
    let (first, last) = (id(kept.first()), id(kept.last()));
    let has_older = onward && first > store.oldest();
    say(&Page {
        before: first.filter(|_| has_older || (is_more && !onward)),
        after: last.filter(|_| (is_more && onward) || inside),
        deliveries: Row::all(&kept, &store.held(ids(&kept))),
    })
}

/// A filter that is none.
pub(super) fn mistake(error: &FilterError) -> No {
    let object = wire::FilterRefusal::from(error);
    let mut text = Vec::new();
    let _ = wire::write_line(&object, &mut text);
    json(StatusCode::BAD_REQUEST, text).into()
}

/// A kept delivery, or why there is none.
pub(super) fn get(parts: &Parts, id: u64) -> Result<Kept, No> {
    let kept = parts.again.store().get(id);
    kept.ok_or_else(|| AgainError::NoDelivery(id).into())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct OneIn {
    bodies: Option<usize>,
}

/// One delivery with all that came of it.
pub(super) async fn one(
    State(parts): State<Parts>,
    Id(id): Id,
    Asked(asked): Asked<OneIn>,
) -> Result<Response, No> {
    let kept = get(&parts, id)?;
    let write = move || {
        let object = Object::from(&kept);
        say(&object.without_bodies_over(asked.bodies.unwrap_or(usize::MAX)))
    };
    aside(write).await
}

/// What can be said of a delivery's signature.
pub(super) async fn signature(State(parts): State<Parts>, Id(id): Id) -> Result<Response, No> {
    let (kept, secrets) = (get(&parts, id)?, parts.again.secrets());
    let webhooks = parts.again.store().registrations();
    aside(move || {
        say(&SignatureObject::new(
            id,
            &explain(&kept, &secrets, webhooks),
        ))
    })
    .await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct DiffIn {
    a: String,
    b: String,
}

/// One side of a comparison: `42`, or `42@1` for an attempt.
struct Named {
    kept: Kept,
    attempt: Option<u32>,
}

impl Named {
    fn of(parts: &Parts, text: &str) -> Result<Self, No> {
        let (id, attempt) = match text.split_once('@') {
            None => (text, None),
            Some((id, n)) => (id, Some(number(n)?)),
        };
        let kept = get(parts, number(id)?)?;
        let named = Self { kept, attempt };
        if let (Some(n), None) = (attempt, named.attempt()) {
            return Err(No::new(
                StatusCode::NOT_FOUND,
                "no_attempt",
                &format!("#{} has no attempt {n}", named.kept.delivery.id),
                "",
            ));
        }
        Ok(named)
    }

    fn attempt(&self) -> Option<&Attempt> {
        match self.attempt {
            None => self.kept.newest(),
            Some(n) => {
                let mut attempts = self.kept.attempts.iter();
                attempts
                    .find(|attempt| attempt.n == n)
                    .map(|attempt| &**attempt)
            }
        }
    }

    fn side(&self) -> Side {
        Side {
            delivery: self.kept.delivery.id,
            attempt: self.attempt().map(|attempt| attempt.n),
        }
    }
}

/// How two deliveries or attempts differ.
pub(super) async fn diff(
    State(parts): State<Parts>,
    Asked(asked): Asked<DiffIn>,
) -> Result<Response, No> {
    let (a, b) = (Named::of(&parts, &asked.a)?, Named::of(&parts, &asked.b)?);
    aside(move || {
        let rules = Rules {
            ignore: &[],
            patience: PATIENCE,
        };
        let request = RequestChange::of(&a.kept.delivery, &b.kept.delivery, &rules);
        let response = ResponseChange::of(a.attempt(), b.attempt(), &rules);
        say(&Diff::new(a.side(), b.side(), &request, &response))
    })
    .await
}

fn deleted(ids: &[u64]) -> Response {
    say(&Object::Deleted { ids })
}

/// Deletes one.
pub(super) async fn delete(State(parts): State<Parts>, Id(id): Id) -> Response {
    match &parts.again.store().delete(&[id])[..] {
        [] => AgainError::NoDelivery(id).into_response(),
        ids => deleted(ids),
    }
}

/// Deletes all.
pub(super) async fn clear(State(parts): State<Parts>) -> Response {
    deleted(&parts.again.store().clear())
}

pub(super) async fn mark(State(parts): State<Parts>, Id(id): Id) -> Response {
    set_mark(&parts, id, true)
}

pub(super) async fn unmark(State(parts): State<Parts>, Id(id): Id) -> Response {
    set_mark(&parts, id, false)
}

fn set_mark(parts: &Parts, delivery: u64, marked: bool) -> Response {
    if parts.again.store().mark(delivery, marked) {
        say(&Object::Marked { delivery, marked })
    } else {
        AgainError::NoDelivery(delivery).into_response()
    }
}
