//! What is fetched as a file: bytes as they are, exports, and the description of the API.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;

use super::deliveries::get;
use crate::capture::asked;
use crate::delivery::{Kept, Outcome};
use crate::export::format::Format;
use crate::export::http as wire_format;
use crate::inspector::answer::{Bad, No, aside, json, refuse};
use crate::inspector::asked::{Asked, Attempted, Id};
use crate::inspector::filtering::{parse, passing};
use crate::inspector::parts::Parts;

/// The API in OpenAPI's words.
const OPENAPI: &[u8] = include_bytes!("../../../assets/inspector/openapi.json");

pub(super) async fn openapi() -> Response {
    json(StatusCode::OK, OPENAPI.to_vec())
}

/// Bytes that a browser stores and never shows, whatever they look like.
fn attachment(bytes: Vec<u8>, name: &str) -> Response {
    // A name is letters, digits, dots and dashes.
    let disposition = HeaderValue::from_str(&format!("attachment; filename=\"{name}\""));
    let disposition = disposition.unwrap_or(HeaderValue::from_static("attachment"));
    let kind = HeaderValue::from_static("application/octet-stream");
    let fields = [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (fields, bytes).into_response()
}

/// The body of a delivery as it came.
pub(super) async fn body(State(parts): State<Parts>, Id(id): Id) -> Result<Response, No> {
    let kept = get(&parts, id)?;
    let name = Format::Raw.file_name(&kept);
    Ok(attachment(kept.delivery.request.body.to_vec(), &name))
}

/// The body of an app's answer, as much of it as is kept.
pub(super) async fn response_body(
    State(parts): State<Parts>,
    Attempted(id, n): Attempted,
) -> Result<Response, No> {
    let kept = get(&parts, id)?;
    let attempt = kept.attempts.iter().find(|attempt| attempt.n == n);
    let missing = |why: &str| No::new(StatusCode::NOT_FOUND, "no_attempt", why, "");
    let attempt = attempt.ok_or_else(|| missing(&format!("#{id} has no attempt {n}")))?;
    match &attempt.outcome {
        Outcome::Answered(answer) => Ok(attachment(
            answer.body.to_vec(),
            &format!("{id}-{n}.response"),
        )),
        Outcome::Failed(failure) => Err(missing(&format!(
            "there is no response: {}",
            failure.message
        ))),
    }
}

/// The request as it would stand on the wire.
pub(super) async fn raw(State(parts): State<Parts>, Id(id): Id) -> Result<Response, No> {
    let kept = get(&parts, id)?;
    let name = Format::Http.file_name(&kept);
    Ok(attachment(
        wire_format::request(&kept.delivery.request),
        &name,
    ))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportIn {
    r#as: String,
    filter: Option<String>,
}

fn format(name: &str) -> Result<Format, No> {
    let all = Format::ALL.into_iter();
    let mut named = all.filter(|format| format.name() == name);
    named.next().ok_or_else(|| {
        let all: Vec<_> = Format::ALL.iter().map(|format| format.name()).collect();
        let name = name.escape_debug();
        Bad(format!("there is no format `{name}`: {}", all.join(", "))).into()
    })
}

/// One delivery in a format.
pub(super) async fn export_one(
    State(parts): State<Parts>,
    Id(id): Id,
    Asked(asked): Asked<ExportIn>,
) -> Result<Response, No> {
    let format = format(&asked.r#as)?;
    let kept = get(&parts, id)?;
    let name = format.file_name(&kept);
    aside(move || written(&parts, format, &[kept], &name)).await
}

/// All that a filter lets through, in one file.
pub(super) async fn export(
    State(parts): State<Parts>,
    Asked(asked): Asked<ExportIn>,
) -> Result<Response, No> {
    let format = format(&asked.r#as)?;
    if matches!(format, Format::Raw | Format::Http | Format::Fixture) {
        let name = format.name();
        let why = format!("`{name}` is for one delivery: /api/v1/deliveries/ID/export");
        return Err(Bad(why).into());
    }
    let filter = parse(asked.filter.as_deref().unwrap_or_default());
    let filter = filter.map_err(|error| super::deliveries::mistake(&error))?;
    aside(move || {
        let chosen = passing(&filter, parts.again.store().all());
        let name = format!("deliveries.{}", format.ending());
        written(&parts, format, &chosen, &name)
    })
    .await
}

fn written(parts: &Parts, format: Format, chosen: &[Kept], name: &str) -> Response {
    let policy = parts.again.policy();
    let url = |kept: &Kept| asked::url(kept, None, &policy);
    let mut bytes = Vec::new();
    match format.write(chosen, None, url, &mut bytes) {
        Ok(()) => attachment(bytes, name),
        Err(error) => refuse(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            &error.to_string(),
            "",
        ),
    }
}
