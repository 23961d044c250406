//! A delivery that is here whole, and the forms in which it goes on.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use jiff::Timestamp;

use super::queue::Waiting;
use crate::http::body::Reservation;
use crate::http::headers::{from_kept, strip_hop_by_hop, to_kept};
use crate::link::names;

/// A delivery that is here whole.
#[derive(Debug, Clone)]
pub(super) struct Arrived {
    pub(super) id: Box<str>,
    pub(super) received_at: Timestamp,
    pub(super) peer: SocketAddr,
    pub(super) https: bool,
    pub(super) method: Method,
    pub(super) path: PathAndQuery,
    pub(super) host: Authority,
    /// As the sender sent them, so without `Host` where that was over HTTP/2.
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// What the body takes; `None` where it comes from the disk.
    pub(super) memory: Option<Arc<Reservation>>,
}

impl Arrived {
    /// As it goes through the tunnel.
    pub(super) fn request(&self, waited: bool) -> Option<Request<()>> {
        let uri = Uri::builder()
            .scheme(if self.https {
                Scheme::HTTPS
            } else {
                Scheme::HTTP
            })
            .authority(self.host.clone())
            .path_and_query(self.path.clone())
            .build()
            .ok()?;
        let mut request = Request::new(());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        let mut headers = self.headers.clone();
        strip_hop_by_hop(&mut headers);
        // It is `:authority` there; and the relay has answered an expectation already.
        headers.remove(header::HOST);
        headers.remove(header::EXPECT);
        remove_ours(&mut headers);
        // The same number in its one spelling.
        if headers.contains_key(header::CONTENT_LENGTH) {
            headers.insert(header::CONTENT_LENGTH, self.body.len().into());
        }
        let scheme = if self.https { "https" } else { "http" };
        headers.insert(names::SCHEME, HeaderValue::from_static(scheme));
        headers.insert(names::ID, HeaderValue::from_str(&self.id).ok()?);
        let peer = self.peer.to_string();
        headers.insert(names::PEER, HeaderValue::from_str(&peer).ok()?);
        if waited {
            let at = self.received_at.to_string();
            headers.insert(names::QUEUED_AT, HeaderValue::from_str(&at).ok()?);
        }
        *request.headers_mut() = headers;
        Some(request)
    }

    pub(super) fn into_waiting(mut self) -> Waiting {
        // HTTP/2 has it elsewhere, and there is no other place for it on the disk.
        if let Ok(host) = HeaderValue::from_str(self.host.as_str()) {
            self.headers.entry(header::HOST).or_insert(host);
        }
        Waiting {
            id: self.id,
            received_at: self.received_at,
            peer: self.peer.to_string().into(),
            scheme: if self.https { "https" } else { "http" }.into(),
            method: self.method.as_str().into(),
            path: self.path.as_str().into(),
            headers: to_kept(&self.headers),
            body: self.body,
        }
    }

    /// What has waited; `None` where the file was tampered with.
    pub(super) fn from_waiting(waiting: Waiting) -> Option<Self> {
        let headers = from_kept(&waiting.headers);
        let host = headers.get(header::HOST)?.as_bytes();
        Some(Self {
            host: Authority::try_from(host).ok()?,
            id: waiting.id,
            received_at: waiting.received_at,
            peer: waiting.peer.parse().ok()?,
            https: &*waiting.scheme == "https",
            method: Method::from_bytes(waiting.method.as_bytes()).ok()?,
            path: waiting.path.parse().ok()?,
            headers,
            body: waiting.body,
            memory: None,
        })
    }
}

/// Takes out what only the two ends of a tunnel may say.
pub(super) fn remove_ours(headers: &mut HeaderMap) {
    let ours: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().starts_with(names::PREFIX))
        .cloned()
        .collect();
    for name in ours {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrived() -> Arrived {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("host", "Shop.example.com"),
            ("connection", "close, x-hop"),
            ("x-hop", "1"),
            ("expect", "100-continue"),
            ("cmhook-relay-id", "forged"),
            ("cmhook-relay-anything", "forged"),
            ("content-length", "00000000000000000002"),
            ("x-cakemail-signature", "abc"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        Arrived {
            id: "01J".into(),
            received_at: "2026-11-28T10:00:00.123456Z".parse().unwrap(),
            peer: "192.0.2.1:5".parse().unwrap(),
            https: true,
            method: Method::from_bytes(b"REPORT").unwrap(),
            path: "/a/../%2F;x?q={}".parse().unwrap(),
            host: "Shop.example.com".parse().unwrap(),
            headers,
            body: Bytes::from_static(b"\0\xff"),
            memory: None,
        }
    }

    #[test]
    fn the_tunnel_carries_the_request_and_what_the_relay_knows() {
        let request = arrived().request(false).unwrap();
        assert_eq!(request.uri(), "https://Shop.example.com/a/../%2F;x?q={}");
        assert_eq!(request.method().as_str(), "REPORT");
        let mut fields: Vec<_> = request
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        fields.sort_unstable();
        assert_eq!(
            fields,
            [
                "cmhook-relay-id: 01J",
                "cmhook-relay-peer: 192.0.2.1:5",
                "cmhook-relay-scheme: https",
                "content-length: 2",
                "x-cakemail-signature: abc"
            ]
        );
        let waited = arrived().request(true).unwrap();
        assert_eq!(
            waited.headers()[names::QUEUED_AT],
            "2026-11-28T10:00:00.123456Z"
        );
    }

    #[test]
    fn what_waits_comes_back_as_it_was() {
        let there = arrived();
        let back = Arrived::from_waiting(there.clone().into_waiting()).unwrap();
        assert_eq!(format!("{back:?}"), format!("{there:?}"));
        let mut over_http2 = there.clone();
        over_http2.headers.remove(header::HOST);
        let back = Arrived::from_waiting(over_http2.into_waiting()).unwrap();
        assert_eq!(back.host, there.host);
    }
}
