//! Who may ask: this host by its own name, with this run's token, and no other site's page.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq as _;

use super::refuse::refuse;

/// The token of one run: 256 random bits in hex. It prints as nothing.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// A new one.
    ///
    /// # Errors
    /// Where the system gives no random numbers.
    pub fn new() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The token itself, for the runtime file.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What is checked of every request.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
    token: Token,
}

impl Guard {
    pub(super) fn new(address: SocketAddr, token: Token) -> Self {
        let port = address.port();
        let hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|host| format!("{host}:{port}"))
            .collect();
        Self {
            origins: hosts.iter().map(|host| format!("http://{host}")).collect(),
            hosts,
            token,
        }
    }

    /// The status and the reason of a refusal.
    fn check(&self, headers: &HeaderMap) -> Result<(), (StatusCode, &'static str)> {
        let only = |name: HeaderName| {
            let mut values = headers.get_all(name).iter();
            match (values.next(), values.next()) {
                (Some(value), None) => value.to_str().ok(),
                _ => None,
            }
        };
        // A page that has its name resolve to this machine asks for that name.
        if !only(header::HOST).is_some_and(|host| self.hosts.iter().any(|own| own == host)) {
            return Err((
                StatusCode::FORBIDDEN,
                "the Host header names another host than this one",
            ));
        }
        if headers.contains_key(header::ORIGIN)
            && !only(header::ORIGIN).is_some_and(|from| self.origins.iter().any(|own| own == from))
        {
            return Err((StatusCode::FORBIDDEN, "the request comes from another site"));
        }
        let given = only(header::AUTHORIZATION).and_then(|value| value.strip_prefix("Bearer "));
        let right =
            given.is_some_and(|given| given.as_bytes().ct_eq(self.token.0.as_bytes()).into());
        if right {
            Ok(())
        } else {
            Err((
                StatusCode::UNAUTHORIZED,
                "the token of this run is missing or wrong",
            ))
        }
    }
}

/// Checks a request before any route sees it, and seals the answer.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.check(request.headers()) {
        Ok(()) => next.run(request).await,
        Err((status, reason)) => refuse(status, "forbidden", reason, "").into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; frame-ancestors 'none'",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if response.status() == StatusCode::UNAUTHORIZED {
        let value = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(fields: &[(&'static str, &str)]) -> Option<u16> {
        let token = Token("abc".into());
        let guard = Guard::new("127.0.0.1:4041".parse().unwrap(), token);
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        guard
            .check(&headers)
            .err()
            .map(|(status, _)| status.as_u16())
    }

    #[test]
    fn only_this_host_with_the_token_and_from_no_other_site() {
        let host = ("host", "127.0.0.1:4041");
        let token = ("authorization", "Bearer abc");
        assert_eq!(checked(&[host, token]), None);
        assert_eq!(checked(&[("host", "localhost:4041"), token]), None);
        assert_eq!(
            checked(&[host, token, ("origin", "http://localhost:4041")]),
            None
        );
        assert_eq!(checked(&[host]), Some(401));
        assert_eq!(checked(&[host, ("authorization", "Bearer abd")]), Some(401));
        assert_eq!(checked(&[host, ("authorization", "abc")]), Some(401));
        assert_eq!(checked(&[host, token, token]), Some(401));
        for other in ["evil.example:4041", "127.0.0.1:4042", "127.0.0.1", ""] {
            assert_eq!(checked(&[("host", other), token]), Some(403), "{other}");
        }
        assert_eq!(checked(&[token]), Some(403));
        assert_eq!(checked(&[host, host, token]), Some(403));
        for other in ["null", "http://evil.example", "http://localhost:3000", ""] {
            assert_eq!(checked(&[host, token, ("origin", other)]), Some(403));
        }
    }
}
