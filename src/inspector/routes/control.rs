//! The listener itself: what it is, where deliveries go, what they are verified with.

use axum::extract::State;
use axum::response::Response;
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::cakemail::sample;
use crate::cakemail::signature::Secret;
use crate::capture::own_port::own_target;
use crate::config::Target;
use crate::inspector::answer::{Bad, No, say};
use crate::inspector::asked::{Body, read};
use crate::inspector::parts::Parts;
use crate::wire::Fields;

/// The listener as it is now.
pub(super) async fn status(State(parts): State<Parts>) -> Response {
    let now = parts.now();
    say(&parts.status(&now))
}

#[derive(Serialize)]
struct Session<'a> {
    token: &'a str,
}

/// The token that a page's changes carry, for a page that has a session.
pub(super) async fn session(State(parts): State<Parts>) -> Response {
    say(&Session {
        token: parts.guard.page_token(),
    })
}

/// A session in exchange for the run's token or for a code.
pub(super) async fn open_session(State(parts): State<Parts>) -> Response {
    let mut response = session(State(parts.clone())).await;
    if let Ok(cookie) = HeaderValue::from_str(&parts.guard.set_cookie()) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

#[derive(Serialize)]
struct Events {
    events: Vec<Event>,
}

#[derive(Serialize)]
struct Event {
    name: &'static str,
    about: &'static str,
}

/// The events that there is a sample of.
pub(super) async fn events() -> Response {
    let events = sample::all().iter().map(|sample| Event {
        name: sample.name(),
        about: sample.description(),
    });
    say(&Events {
        events: events.collect(),
    })
}

#[derive(Serialize)]
struct Secrets<'a> {
    secrets: Vec<&'a str>,
}

/// The labels of the secrets; never a value.
pub(super) async fn secrets(State(parts): State<Parts>) -> Response {
    let secrets = parts.again.secrets();
    say(&Secrets {
        secrets: secrets.iter().map(|secret| &**secret.label()).collect(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SecretIn {
    secret: SecretString,
    label: Option<String>,
    event: Option<String>,
}

#[derive(Serialize)]
struct Added<'a> {
    label: &'a str,
    valid: usize,
    not_valid: usize,
}

/// Verifies with a secret more from now on, and all that is kept once more.
pub(super) async fn add_secret(
    State(parts): State<Parts>,
    Body(body): Body,
) -> Result<Response, No> {
    // What is wrong with the body is said without quoting it: there is a secret in it.
    let Fields::<SecretIn>(wanted) = serde_json::from_slice(&body).map_err(|_| {
        Bad("the body must be `{\"secret\": …}`, with `label` and `event` if wanted".into())
    })?;
    let known = parts.again.secrets();
    let free = |n: &usize| {
        !known
            .iter()
            .any(|one| **one.label() == *format!("secret-{n}"))
    };
    let label = wanted.label.filter(|label| !label.trim().is_empty());
    let label = label.unwrap_or_else(|| {
        let n = (known.len() + 1..=2 * known.len() + 1)
            .find(free)
            .unwrap_or_default();
        format!("secret-{n}")
    });
    let secret = Secret::new(
        &label,
        wanted.event.as_deref(),
        wanted.secret.expose_secret(),
    )
    .map_err(|error| Bad(error.to_string()))?;
    let rejudged = parts.again.add_secret(secret).await.map_err(|error| {
        let status = StatusCode::CONFLICT;
        No::new(status, "secret", &error.to_string(), error.hint())
    })?;
    Ok(say(&Added {
        label: &label,
        valid: rejudged.valid,
        not_valid: rejudged.not_valid,
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TargetIn {
    targets: Vec<String>,
}

/// Sends deliveries elsewhere from now on.
pub(super) async fn set_target(
    State(parts): State<Parts>,
    Body(body): Body,
) -> Result<Response, No> {
    let wanted: TargetIn = read(&body)?;
    let targets = wanted.targets.iter().map(|text| text.parse::<Target>());
    let targets: Vec<_> = targets
        .collect::<Result<_, _>>()
        .map_err(|error| Bad(error.to_string()))?;
    if let Some(own) = own_target(&parts.about.url, &targets).await {
        return Err(No::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "loop",
            &format!("{own} is cmhook itself, so nothing was changed"),
            "name your app's port",
        ));
    }
    parts.again.set_forward(targets);
    Ok(status(State(parts)).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PauseIn {
    paused: bool,
}

/// Keeps deliveries without forwarding them, or goes on.
pub(super) async fn pause(State(parts): State<Parts>, Body(body): Body) -> Result<Response, No> {
    let wanted: PauseIn = read(&body)?;
    parts.again.controls().pause(wanted.paused);
    Ok(status(State(parts)).await)
}
