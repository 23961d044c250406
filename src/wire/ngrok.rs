//! What is kept in the shapes of ngrok's agent API, for scripts that were written for that.
//!
//! See <https://ngrok.com/docs/agent/api/>.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Serialize, Serializer};

use crate::delivery::{Answer, Headers, Kept, Outcome, value_text};

/// The name of the one tunnel that there is.
pub const TUNNEL: &str = "cmhook";

const PROTO: &str = "HTTP/1.1";

/// A list of requests, newest first.
#[derive(Debug, Serialize)]
pub struct NgrokRequests<'a> {
    /// Where it was asked for.
    pub uri: &'static str,
    /// The requests.
    pub requests: Vec<NgrokRequest<'a>>,
}

/// A delivery with its newest attempt.
#[derive(Debug, Serialize)]
pub struct NgrokRequest<'a> {
    uri: String,
    id: String,
    tunnel_name: &'static str,
    remote_addr: &'a str,
    start: Timestamp,
    duration: u64,
    request: Asked<'a>,
    response: Option<Told<'a>>,
}

#[derive(Debug, Serialize)]
struct Asked<'a> {
    method: &'a str,
    proto: &'static str,
    headers: Fields<'a>,
    uri: &'a str,
    raw: Raw,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    status: String,
    status_code: u16,
    proto: &'static str,
    headers: Fields<'a>,
    raw: Raw,
}

/// Bytes in base64.
#[derive(Debug)]
struct Raw(Vec<u8>);

impl Serialize for Raw {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

/// `{name: [value…]}`.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Fields<'a>(BTreeMap<&'a str, Vec<Cow<'a, str>>>);

impl<'a> From<&'a Headers> for Fields<'a> {
    fn from(headers: &'a Headers) -> Self {
        let mut fields = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in headers.iter() {
            fields.entry(name).or_default().push(value_text(value));
        }
        Self(fields)
    }
}

impl<'a> NgrokRequest<'a> {
    /// Of a kept delivery; `raw` is its request as it stands on the wire.
    pub fn new(kept: &'a Kept, raw: Vec<u8>) -> Self {
        let (id, request) = (kept.delivery.id, &kept.delivery.request);
        let newest = kept.newest();
        Self {
            uri: format!("/api/requests/http/{id}"),
            id: id.to_string(),
            tunnel_name: TUNNEL,
            remote_addr: request.peer.rsplit_once(':').map_or("", |(ip, _)| ip),
            start: request.received_at,
            duration: newest.map_or(0, |attempt| nanoseconds(attempt.took)),
            request: Asked {
                method: &request.method,
                proto: PROTO,
                headers: (&request.headers).into(),
                uri: &request.path_and_query,
                raw: Raw(raw),
            },
            response: newest.and_then(|attempt| match &attempt.outcome {
                Outcome::Answered(answer) => Some(answer.into()),
                Outcome::Failed(_) => None,
            }),
        }
    }
}

impl<'a> From<&'a Answer> for Told<'a> {
    fn from(answer: &'a Answer) -> Self {
        let code = http::StatusCode::from_u16(answer.status).ok();
        let reason = code
            .and_then(|code| code.canonical_reason())
            .unwrap_or_default();
        let status = format!("{} {reason}", answer.status);
        let mut raw = format!("{PROTO} {status}\r\n").into_bytes();
        for (name, value) in answer.headers.iter() {
            for part in [name.as_bytes(), b": ", value, b"\r\n"] {
                raw.extend_from_slice(part);
            }
        }
        raw.extend_from_slice(b"\r\n");
        raw.extend_from_slice(&answer.body);
        Self {
            status,
            status_code: answer.status,
            proto: PROTO,
            headers: (&answer.headers).into(),
            raw: Raw(raw),
        }
    }
}

/// Up to 584 years.
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

/// The list of tunnels: one, from where deliveries arrive to the first target.
#[derive(Debug, Serialize)]
pub struct NgrokTunnels<'a> {
    tunnels: [NgrokTunnel<'a>; 1],
    uri: &'static str,
}

/// The one tunnel.
#[derive(Debug, Serialize)]
pub struct NgrokTunnel<'a> {
    name: &'static str,
    uri: String,
    public_url: &'a str,
    proto: &'a str,
    config: Config<'a>,
    metrics: Metrics,
}

#[derive(Debug, Serialize)]
struct Config<'a> {
    addr: &'a str,
    inspect: bool,
}

#[derive(Debug, Serialize)]
struct Metrics {
    http: Count,
}

#[derive(Debug, Serialize)]
struct Count {
    count: u64,
}

impl<'a> NgrokTunnel<'a> {
    /// Where deliveries arrive, where they go, and how many have come.
    pub fn new(url: &'a str, target: Option<&'a str>, received: u64) -> Self {
        Self {
            name: TUNNEL,
            uri: format!("/api/tunnels/{TUNNEL}"),
            public_url: url.trim_end_matches('/'),
            proto: url.split(':').next().unwrap_or_default(),
            config: Config {
                addr: target.unwrap_or_default(),
                inspect: true,
            },
            metrics: Metrics {
                http: Count { count: received },
            },
        }
    }
}

impl<'a> From<NgrokTunnel<'a>> for NgrokTunnels<'a> {
    fn from(tunnel: NgrokTunnel<'a>) -> Self {
        Self {
            tunnels: [tunnel],
            uri: "/api/tunnels",
        }
    }
}
