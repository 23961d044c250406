//! The request around a payload, to be read.

use bytes::Bytes;
use jiff::Timestamp;

use crate::capture::trigger::request::{Payload, Requests};
use crate::config::Target;
use crate::delivery::{Received, Verdict};
use crate::export;
use crate::http::headers;

/// The bytes of the request as HTTP/1.1 has it.
pub(super) fn written(requests: &Requests, payload: &Payload, to: Option<&Target>) -> Vec<u8> {
    let host = to.map_or("localhost", |to| to.authority().as_str());
    let path = to.and_then(|to| to.url_for("/"));
    let path = path.as_ref().and_then(http::Uri::path_and_query);
    export::http::request(&Received {
        received_at: Timestamp::UNIX_EPOCH,
        peer: "".into(),
        method: "POST".into(),
        path_and_query: path.map_or("/", |path| path.as_str()).into(),
        headers: headers::to_kept(&requests.headers(payload, host)),
        body: Bytes::clone(&payload.body),
        event: None,
        verdict: Verdict::Unsigned,
        original: None,
        relayed: None,
    })
}
