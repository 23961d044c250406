//! The request around a payload.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use jiff::Timestamp;

use super::payloads::Payload;
use crate::cakemail::signature::Secret;
use crate::capture::again::secret_for;
use crate::config::Target;
use crate::delivery::{Received, Scheme, Verdict};
use crate::export;
use crate::http::headers;

/// What all requests of one run have in common.
#[derive(Debug)]
pub(super) struct Requests {
    /// What signs them; none where they go unsigned.
    pub(super) secrets: Vec<Secret>,
    pub(super) scheme: Scheme,
    /// What the user set.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl Requests {
    /// Whether the user has set a signature.
    pub(super) fn are_signed_by_hand(&self) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name.as_str());
        names.any(|name| {
            Scheme::ALL
                .iter()
                .any(|s| name.eq_ignore_ascii_case(s.header()))
        })
    }

    /// The headers for a payload, in the order in which they are sent.
    pub(super) fn headers(&self, payload: &Payload, host: &str) -> HeaderMap {
        const SENDER: HeaderValue = HeaderValue::from_static("Cakemail-Webhooks (cmhook trigger)");
        const JSON: HeaderValue = HeaderValue::from_static("application/json");
        let mut fields = HeaderMap::new();
        if let Ok(host) = HeaderValue::from_str(host) {
            fields.insert(HOST, host);
        }
        fields.insert(USER_AGENT, SENDER);
        fields.insert(CONTENT_TYPE, JSON);
        if let Some(secret) = secret_for(&self.secrets, payload.signed_as.as_deref())
            && let Ok(name) = HeaderName::from_bytes(self.scheme.header().as_bytes())
            && let Ok(value) = HeaderValue::from_str(&secret.sign(self.scheme, &payload.body))
        {
            fields.insert(name, value);
        }
        for (name, _) in &self.headers {
            fields.remove(name);
        }
        fields.extend(self.headers.iter().cloned());
        fields
    }

    /// The bytes of the request as HTTP/1.1 has it.
    pub(super) fn written(&self, payload: &Payload, to: Option<&Target>) -> Vec<u8> {
        let host = to.map_or("localhost", |to| to.authority().as_str());
        let path = to.and_then(|to| to.url_for("/"));
        let path = path.as_ref().and_then(http::Uri::path_and_query);
        export::http::request(&Received {
            received_at: Timestamp::UNIX_EPOCH,
            peer: "".into(),
            method: "POST".into(),
            path_and_query: path.map_or("/", |path| path.as_str()).into(),
            headers: headers::to_kept(&self.headers(payload, host)),
            body: Bytes::clone(&payload.body),
            event: None,
            verdict: Verdict::Unsigned,
            original: None,
        })
    }
}
