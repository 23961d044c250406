//! The request around a payload.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use jiff::Timestamp;

use crate::cakemail::sample::Sample;
use crate::cakemail::signature::Secret;
use crate::capture::again::secret_for;
use crate::delivery::Scheme;

/// One body, and what is in it.
#[derive(Debug)]
pub struct Payload {
    /// The event that it says it is.
    pub event: Option<Box<str>>,
    /// The event whose secret it is signed with.
    pub signed_as: Option<Box<str>>,
    /// The body.
    pub body: Bytes,
}

impl Payload {
    /// A sample in the envelope that the documents show with its name.
    pub fn sample(sample: &Sample, seed: u64, at: Timestamp) -> Self {
        Self {
            event: Some(sample.name().into()),
            signed_as: Some(sample.name().into()),
            body: sample.body(sample.envelope(), seed, at).into(),
        }
    }
}

/// What all requests of one run have in common.
#[derive(Debug)]
pub struct Requests {
    /// What signs them; none where they go unsigned.
    pub secrets: Vec<Secret>,
    /// How.
    pub scheme: Scheme,
    /// What the user set.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Requests {
    /// Whether the user has set a signature.
    pub fn are_signed_by_hand(&self) -> bool {
        let mut names = self.headers.iter().map(|(name, _)| name.as_str());
        names.any(|name| {
            Scheme::ALL
                .iter()
                .any(|s| name.eq_ignore_ascii_case(s.header()))
        })
    }

    /// The headers for a payload, in the order in which they are sent.
    pub fn headers(&self, payload: &Payload, host: &str) -> HeaderMap {
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
}
