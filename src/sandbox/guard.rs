//! Who may ask: programs of this machine, and no other site's page in a browser on it.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::StatusCode;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::answer::refuse;
use crate::cakemail::sandbox::HEADER;
use crate::http::headers::only;

/// How its deliveries name their sender.
pub(super) const AGENT: &str = concat!("cmhook-sandbox/", env!("CARGO_PKG_VERSION"));

/// The port of `http` where a URL names none.
const HTTP: u16 = 80;

/// What is checked of every request.
#[derive(Debug)]
pub(super) struct Guard {
    /// None where it is open to other machines, which know it by names of their own.
    hosts: Option<Vec<String>>,
}

impl Guard {
    pub(super) fn new(address: SocketAddr) -> Self {
        let port = address.port();
        let own = match address {
            SocketAddr::V4(address) => address.ip().to_string(),
            SocketAddr::V6(address) => format!("[{}]", address.ip()),
        };
        let names = ["127.0.0.1", "localhost", "[::1]", &own];
        let mut hosts: Vec<_> = names.iter().map(|name| format!("{name}:{port}")).collect();
        // Clients leave out the port that their scheme has by itself.
        if port == HTTP {
            hosts.extend(names.map(str::to_owned));
        }
        Self {
            hosts: address.ip().is_loopback().then_some(hosts),
        }
    }

    fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        // Else a webhook whose URL is the sandbox's own would fire events for ever.
        let agent = headers.get(header::USER_AGENT);
        if agent.is_some_and(|agent| agent.as_bytes().starts_with(b"cmhook-sandbox/")) {
            return Err((
                StatusCode::LOOP_DETECTED,
                "a webhook of the sandbox leads to the sandbox",
            ));
        }
        let own = |text: &str| match &self.hosts {
            Some(hosts) => hosts.iter().any(|host| host == text),
            None => only(headers, &header::HOST) == Some(text),
        };
        // A page that has its name resolve to this machine asks for that name.
        if self.hosts.is_some() && !only(headers, &header::HOST).is_some_and(own) {
            return Err((
                StatusCode::FORBIDDEN,
                "the Host header names another host than this one",
            ));
        }
        let elsewhere = (StatusCode::FORBIDDEN, "the request comes from another site");
        if headers.contains_key(header::ORIGIN) {
            let origin = only(headers, &header::ORIGIN);
            let host = origin.and_then(|origin| origin.strip_prefix("http://"));
            if !host.is_some_and(own) {
                return Err(elsewhere);
            }
        }
        let site = headers.get(HeaderName::from_static("sec-fetch-site"));
        if site.is_some_and(|site| site != "same-origin" && site != "none") {
            return Err(elsewhere);
        }
        Ok(())
    }
}

/// Checks a request before anything else sees it, and marks the answer as the sandbox's.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, why)) => refuse(status, why),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (HeaderName::from_static(HEADER), env!("CARGO_PKG_VERSION")),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(guard: &Guard, fields: &[(&'static str, &str)]) -> Option<u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        guard
            .check(&headers)
            .err()
            .map(|(status, _)| status.as_u16())
    }

    #[test]
    fn this_machine_asks_by_its_name_and_pages_of_others_do_not() {
        let guard = Guard::new("127.0.0.1:4500".parse().unwrap());
        let host = ("host", "127.0.0.1:4500");
        assert_eq!(status(&guard, &[host]), None);
        assert_eq!(status(&guard, &[("host", "localhost:4500")]), None);
        assert_eq!(
            status(&guard, &[host, ("origin", "http://localhost:4500")]),
            None
        );
        for fields in [
            &[][..],
            &[("host", "evil.example:4500")],
            &[("host", "127.0.0.1")],
            &[host, host],
            &[host, ("origin", "https://evil.example")],
            &[host, ("origin", "null")],
            &[host, ("sec-fetch-site", "cross-site")],
        ] {
            assert_eq!(status(&guard, fields), Some(403), "{fields:?}");
        }
        assert_eq!(status(&guard, &[host, ("user-agent", AGENT)]), Some(508));
    }

    #[test]
    fn the_port_that_http_has_by_itself_need_not_be_named() {
        for (address, own) in [
            ("127.0.0.1:80", "127.0.0.1"),
            ("127.0.0.2:80", "127.0.0.2"),
            ("[::1]:80", "[::1]"),
        ] {
            let guard = Guard::new(address.parse().unwrap());
            for host in [own, "localhost", "localhost:80"] {
                let origin = format!("http://{host}");
                let fields = [("host", host), ("origin", &origin)];
                assert_eq!(status(&guard, &fields), None, "{host}");
            }
            assert_eq!(status(&guard, &[("host", "evil.example")]), Some(403));
        }
    }

    #[test]
    fn one_that_is_open_takes_any_name_of_its_own() {
        let guard = Guard::new("0.0.0.0:4500".parse().unwrap());
        let host = ("host", "sandbox:4500");
        assert_eq!(status(&guard, &[host]), None);
        assert_eq!(
            status(&guard, &[host, ("origin", "http://a.example")]),
            Some(403)
        );
    }
}
