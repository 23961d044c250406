//! What is sent: replays, edited copies, samples, and what other commands hand over.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::capture::again::{AgainError, Draft, Sign};
use crate::capture::trigger::own;
use crate::delivery::{Attempt, Delivery, Kept, Scheme};
use crate::inspector::answer::{Bad, No, failed, finish, say};
use crate::inspector::asked::{Body, Id, read, read_or_default, target};
use crate::inspector::parts::Parts;
use crate::wire::{self, Fields, Object};

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ReplayIn {
    to: Option<String>,
}

/// Sends a kept delivery once more.
pub(super) async fn replay(
    State(parts): State<Parts>,
    Id(id): Id,
    Body(body): Body,
) -> Result<Response, No> {
    let wanted: ReplayIn = read_or_default(&body)?;
    let to = target(wanted.to.as_deref())?;
    let attempt = finish(async move { parts.again.replay(id, to.as_ref()).await }).await?;
    Ok(say(&Object::from(&*attempt)))
}

/// What `POST /api/v1/send` takes: a request in the shape that deliveries have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SendIn {
    request: Fields<RequestIn>,
    original: Option<u64>,
    sign: Option<Fields<SignIn>>,
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
        let sign = self.sign.map(|Fields(sign)| {
            let scheme = sign.scheme.map(|name| {
                Scheme::from_name(&name).ok_or_else(|| Bad(format!("there is no scheme `{name}`")))
            });
            Ok::<_, Bad>(Sign {
                secret: sign.secret,
                scheme: scheme.transpose()?,
            })
        });
        let Fields(request) = self.request;
        Ok(Draft {
            method: request.method,
            path_and_query: wire::path(request.path).map_err(Bad)?,
            headers: wire::headers(&request.headers).map_err(Bad)?,
            body: wire::bytes(request.body, &request.body_encoding).map_err(Bad)?,
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

/// Takes in an edited copy or a new delivery, and sends it.
pub(super) async fn send(State(parts): State<Parts>, Body(body): Body) -> Result<Response, No> {
    let wanted: SendIn = read(&body)?;
    let to = target(wanted.to.as_deref())?;
    let draft = wanted.into_draft()?;
    let (delivery, attempt): (Arc<Delivery>, Arc<Attempt>) =
        finish(async move { parts.again.send(draft, to.as_ref()).await }).await?;
    let sent = Sent {
        delivery: Object::from(&*delivery),
        attempt: Object::from(&*attempt),
    };
    Ok(say(&sent))
}

/// Takes in a delivery that was kept elsewhere.
pub(super) async fn take_in(State(parts): State<Parts>, Body(body): Body) -> Result<Response, No> {
    let object: Value = read(&body)?;
    let wire::Read::Delivery {
        id,
        request,
        marked,
        repeats,
        attempts,
    } = wire::read(object).map_err(Bad)?
    else {
        return Err(Bad("this is no delivery".into()).into());
    };
    let kept = Kept {
        delivery: Arc::new(Delivery {
            id,
            request: *request,
        }),
        attempts: attempts.into_iter().map(Arc::new).collect(),
        marked,
        repeats,
    };
    let delivery = finish(async move { parts.again.take_in(kept).await }).await?;
    Ok(say(&Object::from(&*delivery)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerIn {
    event: String,
}

#[derive(Serialize)]
struct Triggered<'a> {
    delivery: Option<u64>,
    status: Option<u16>,
    took_ms: f64,
    error: Option<wire::FailureObject<'a>>,
}

/// Sends a signed sample to the listener's own door.
pub(super) async fn trigger(State(parts): State<Parts>, Body(body): Body) -> Result<Response, No> {
    let wanted: TriggerIn = read(&body)?;
    let work = async move { own::send(&parts.again, &parts.about.url, &wanted.event).await };
    let sent = tokio::spawn(work).await.map_err(|_| failed())?;
    let (delivery, sent) = sent.map_err(Bad)?;
    Ok(say(&Triggered {
        delivery,
        status: sent.answer.as_ref().ok().map(|answer| answer.status),
        took_ms: wire::in_milliseconds(sent.took),
        error: sent.answer.as_ref().err().map(Into::into),
    }))
}

/// Answers once all that was done before can be read in the store.
pub(super) async fn settle(State(parts): State<Parts>) -> Response {
    match parts.again.store().settled().wait().await {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(why) => AgainError::Unsaved(why).into_response(),
    }
}
