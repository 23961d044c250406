//! The live socket: a snapshot first, then whatever changes.

mod batch;
mod feed;
mod socket;

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use super::answer::{No, refuse};
use super::asked::Asked;
use super::parts::Parts;

/// Sockets at a time: a page has one.
const SOCKETS: usize = 64;
/// What a page says is short.
const MESSAGE: usize = 64 << 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveIn {
    resume: Option<String>,
}

/// Opens a socket.
pub(super) async fn open(
    State(parts): State<Parts>,
    Asked(asked): Asked<LiveIn>,
    mut request: Request,
) -> Result<Response, No> {
    let answer = create_response_with_body(&request, axum::body::Body::empty);
    let answer = answer.map_err(|error| {
        let mut response = refuse(
            StatusCode::UPGRADE_REQUIRED,
            "usage",
            &format!("this is a WebSocket: {error}"),
            "",
        );
        let upgrade = http::HeaderValue::from_static("websocket");
        response
            .headers_mut()
            .insert(http::header::UPGRADE, upgrade);
        response
    })?;
    let seat = parts
        .hub
        .join(SOCKETS, || feed::begin(&parts))
        .ok_or_else(|| {
            refuse(
                StatusCode::SERVICE_UNAVAILABLE,
                "busy",
                &format!("{SOCKETS} sockets are open already"),
                "close a page",
            )
        })?;
    let upgrade = hyper::upgrade::on(&mut request);
    parts.tasks.clone().spawn(async move {
        let upgraded = tokio::select! {
            upgraded = upgrade => upgraded,
            () = parts.stop.cancelled() => return,
        };
        let Ok(upgraded) = upgraded else { return };
        let config = WebSocketConfig::default()
            .read_buffer_size(8 << 10)
            .write_buffer_size(16 << 10)
            // One frame is written at a time, and the ids of all that is kept may be long.
            .max_write_buffer_size(usize::MAX)
            .max_message_size(Some(MESSAGE))
            .max_frame_size(Some(MESSAGE));
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Server, Some(config)).await;
        socket::run(stream, &parts, seat, asked.resume.as_deref()).await;
    });
    Ok(answer.into_response())
}
