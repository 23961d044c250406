//! Who may ask: this host by its own name, with this run's token, and no other site's page.
//!
//! A command shows the token as a bearer. A page has traded it for a cookie that no script
//! reads and no other site sends along, and for a second token that its changes carry.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};

use super::answer::refuse;
use super::token::Tokens;
use crate::http::headers::only;

/// The header of a page's changes.
pub(super) const PAGE_TOKEN: HeaderName = HeaderName::from_static("x-cmhook-token");
/// Where a session is opened.
pub(super) const SESSION: &str = "/api/v1/session";

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The policy of what is no page.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";

/// What is checked of every request.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Vec<String>,
    origins: Vec<String>,
    cookie: String,
    tokens: Tokens,
}

type Refused = (StatusCode, &'static str, &'static str);

const WITHOUT: Refused = (
    StatusCode::UNAUTHORIZED,
    "the token of this run is missing or wrong",
    "open the link that cmhook printed at its start; a command reads the token from the file \
     beside the store",
);
const ELSEWHERE: Refused = (
    StatusCode::FORBIDDEN,
    "the request comes from another site",
    "",
);

impl Guard {
    pub(super) fn new(address: SocketAddr, tokens: Tokens) -> Self {
        let port = address.port();
        let mut names = vec!["127.0.0.1".to_owned(), "localhost".into(), "[::1]".into()];
        let own = SocketAddr::new(address.ip(), 0).to_string();
        let own = own.trim_end_matches(":0").to_owned();
        if !names.contains(&own) {
            names.push(own);
        }
        let hosts: Vec<_> = names.iter().map(|name| format!("{name}:{port}")).collect();
        Self {
            origins: hosts.iter().map(|host| format!("http://{host}")).collect(),
            hosts,
            cookie: format!("cmhook_{port}"),
            tokens,
        }
    }

    /// What a new session's answer sets.
    pub(super) fn set_cookie(&self) -> String {
        let (name, value) = (&self.cookie, self.tokens.cookie.expose());
        // Browsers send a cookie to all ports of a host, so to apps and to where deliveries
        // arrive as well; few of them have anything there.
        format!("{name}={value}; Path=/api/; HttpOnly; SameSite=Strict")
    }

    /// What a session's changes carry.
    pub(super) fn page_token(&self) -> &str {
        self.tokens.page.expose()
    }

    /// Where a page may open sockets to, for browsers to which `'self'` means HTTP only.
    pub(super) fn sockets(&self) -> String {
        // A policy has no way to name an IPv6 address.
        let nameable = self.hosts.iter().filter(|host| !host.starts_with('['));
        let sockets: Vec<_> = nameable.map(|host| format!("ws://{host}")).collect();
        sockets.join(" ")
    }

    /// A page that has its name resolve to this machine asks for that name.
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), Refused> {
        let host = only(headers, &header::HOST);
        if host.is_some_and(|host| self.hosts.iter().any(|own| own == host)) {
            return Ok(());
        }
        Err((
            StatusCode::FORBIDDEN,
            "the Host header names another host than this one",
            "",
        ))
    }

    /// The status and the reason of a refusal.
    fn check(&self, method: &Method, path: &str, headers: &HeaderMap) -> Result<(), Refused> {
        self.check_host(headers)?;
        let is_own = |from: &str| self.origins.iter().any(|own| own == from);
        let has_origin = headers.contains_key(header::ORIGIN);
        if has_origin && !only(headers, &header::ORIGIN).is_some_and(is_own) {
            return Err(ELSEWHERE);
        }
        // What another site's page asks for without an Origin, such as an image.
        let site = headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes);
        if site.is_some_and(|site| site != b"same-origin" && site != b"none") {
            return Err(ELSEWHERE);
        }
        if headers.contains_key(header::AUTHORIZATION) {
            let given = only(headers, &header::AUTHORIZATION);
            let given = given.and_then(|value| value.strip_prefix("Bearer "));
            let right = given.is_some_and(|given| {
                let opens = method == Method::POST && path == SESSION;
                self.tokens.run.is(given) || (opens && self.tokens.take_code(given))
            });
            return if right { Ok(()) } else { Err(WITHOUT) };
        }
        self.check_page(method, headers, has_origin)
    }

    /// The same of a page, by its cookie.
    fn check_page(
        &self,
        method: &Method,
        headers: &HeaderMap,
        has_origin: bool,
    ) -> Result<(), Refused> {
        let mut cookies = headers.get_all(header::COOKIE).iter();
        let has_session = cookies.any(|line| {
            let line = line.to_str().unwrap_or_default();
            line.split(';').any(|pair| {
                let pair = pair.trim().split_once('=');
                pair.is_some_and(|(name, value)| {
                    name == self.cookie && self.tokens.cookie.is(value)
                })
            })
        });
        if !has_session {
            return Err(WITHOUT);
        }
        let changes = method != Method::GET && method != Method::HEAD;
        // A browser says where it comes from for all of these.
        if (changes || headers.contains_key(header::UPGRADE)) && !has_origin {
            return Err(ELSEWHERE);
        }
        if changes && !only(headers, &PAGE_TOKEN).is_some_and(|given| self.tokens.page.is(given)) {
            return Err(WITHOUT);
        }
        let sends = headers
            .get(header::CONTENT_LENGTH)
            .is_some_and(|n| n != "0")
            || headers.contains_key(header::TRANSFER_ENCODING);
        let kind = only(headers, &header::CONTENT_TYPE).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if changes && sends && !kind.eq_ignore_ascii_case("application/json") {
            return Err((
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "a page's changes are JSON",
                "send `Content-Type: application/json`",
            ));
        }
        Ok(())
    }
}

fn refused((status, reason, hint): Refused) -> Response {
    let code = match status {
        StatusCode::UNAUTHORIZED => "unauthorized",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "usage",
        _ => "forbidden",
    };
    refuse(status, code, reason, hint).into_response()
}

/// Checks a request before any route sees it, and seals the answer.
pub(super) async fn guard(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let checked = guard.check(request.method(), request.uri().path(), request.headers());
    let mut response = match checked {
        Ok(()) => next.run(request).await,
        Err(why) => refused(why),
    };
    seal(&mut response, HeaderValue::from_static(NOTHING));
    if response.status() == StatusCode::UNAUTHORIZED {
        let value = HeaderValue::from_static("Bearer");
        response
            .headers_mut()
            .insert(header::WWW_AUTHENTICATE, value);
    }
    response
}

/// Lets through what anybody may see who asks for this host by its name.
pub(super) async fn host_only(
    State(guard): State<Arc<Guard>>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = match guard.check_host(request.headers()) {
        Ok(()) => next.run(request).await,
        Err(why) => refused(why),
    };
    // A file brings a policy of its own, under which it works.
    let policy = response.headers().get(header::CONTENT_SECURITY_POLICY);
    let policy = policy.map_or(HeaderValue::from_static(NOTHING), Clone::clone);
    seal(&mut response, policy);
    response
}

/// Keeps other sites and caches away from an answer.
fn seal(response: &mut Response, policy: HeaderValue) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
}

#[cfg(test)]
mod tests {
    use super::*;

    type Fields<'a> = [(&'static str, &'a str)];

    fn guard() -> (Guard, Tokens) {
        let tokens = Tokens::new().unwrap();
        let guard = Guard::new("127.0.0.1:4041".parse().unwrap(), tokens.clone());
        (guard, tokens)
    }

    fn status(guard: &Guard, asked: &str, fields: &Fields<'_>) -> Option<u16> {
        let (method, path) = asked.split_once(' ').unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        let checked = guard.check(&method.parse().unwrap(), path, &headers);
        checked.err().map(|(status, ..)| status.as_u16())
    }

    const GET: &str = "GET /api/v1/status";
    const POST: &str = "POST /api/v1/send";
    const HOST: (&str, &str) = ("host", "127.0.0.1:4041");
    const OWN: (&str, &str) = ("origin", "http://127.0.0.1:4041");

    #[test]
    fn a_command_needs_this_host_and_the_token() {
        let (guard, tokens) = guard();
        let right = format!("Bearer {}", tokens.run.expose());
        let token = ("authorization", &*right);
        for asked in [GET, POST] {
            let of = |fields: &Fields<'_>| status(&guard, asked, fields);
            assert_eq!(of(&[HOST, token]), None);
            assert_eq!(of(&[("host", "localhost:4041"), token]), None);
            assert_eq!(
                of(&[HOST, token, ("origin", "http://localhost:4041")]),
                None
            );
            assert_eq!(of(&[HOST]), Some(401));
            assert_eq!(of(&[HOST, ("authorization", "Bearer abd")]), Some(401));
            assert_eq!(
                of(&[HOST, ("authorization", tokens.run.expose())]),
                Some(401)
            );
            assert_eq!(of(&[HOST, token, token]), Some(401));
            for other in ["evil.example:4041", "127.0.0.1:4042", "127.0.0.1", ""] {
                assert_eq!(of(&[("host", other), token]), Some(403), "{other}");
            }
            assert_eq!(of(&[token]), Some(403));
            assert_eq!(of(&[HOST, HOST, token]), Some(403));
            for other in ["null", "http://evil.example", "http://localhost:3000", ""] {
                assert_eq!(of(&[HOST, token, ("origin", other)]), Some(403));
            }
            assert_eq!(
                of(&[HOST, token, ("sec-fetch-site", "cross-site")]),
                Some(403)
            );
            assert_eq!(
                of(&[HOST, token, ("sec-fetch-site", "same-site")]),
                Some(403)
            );
        }
    }

    #[test]
    fn a_page_needs_its_cookie_and_for_changes_its_token_and_origin() {
        let (guard, tokens) = guard();
        let pair = format!("other=1; cmhook_4041={}", tokens.cookie.expose());
        let cookie = ("cookie", &*pair);
        let page = ("x-cmhook-token", tokens.page.expose());
        let json = ("content-type", "application/json; charset=utf-8");
        let length = ("content-length", "2");
        let of = |asked: &str, fields: &Fields<'_>| status(&guard, asked, fields);
        assert_eq!(of(GET, &[HOST, cookie]), None);
        assert_eq!(of(GET, &[HOST, ("cookie", "cmhook_4041=")]), Some(401));
        let other = pair.replace("4041", "4042");
        assert_eq!(of(GET, &[HOST, ("cookie", &other)]), Some(401));
        assert_eq!(of(POST, &[HOST, cookie, OWN, page, json, length]), None);
        assert_eq!(of(POST, &[HOST, cookie, OWN, page]), None);
        assert_eq!(of(POST, &[HOST, cookie, OWN]), Some(401));
        assert_eq!(of(POST, &[HOST, OWN, page]), Some(401));
        assert_eq!(of(POST, &[HOST, cookie, page]), Some(403));
        for other in ["null", "http://127.0.0.1:3000", "https://127.0.0.1:4041"] {
            assert_eq!(
                of(POST, &[HOST, cookie, page, ("origin", other)]),
                Some(403)
            );
        }
        let text = ("content-type", "text/plain");
        assert_eq!(
            of(POST, &[HOST, cookie, OWN, page, text, length]),
            Some(415)
        );
        // A socket is opened by a GET, and browsers say where that comes from.
        let upgrade = ("upgrade", "websocket");
        assert_eq!(of(GET, &[HOST, cookie, OWN, upgrade]), None);
        assert_eq!(of(GET, &[HOST, cookie, upgrade]), Some(403));
        assert_eq!(of(GET, &[HOST, OWN, upgrade]), Some(401));
    }

    #[test]
    fn a_code_opens_one_session_and_nothing_else() {
        let (guard, tokens) = guard();
        let code = format!("Bearer {}", tokens.code().unwrap().expose());
        let of = |asked| status(&guard, asked, &[HOST, OWN, ("authorization", &code)]);
        assert_eq!(of(GET), Some(401));
        assert_eq!(of("GET /api/v1/session"), Some(401));
        assert_eq!(of("POST /api/v1/session"), None);
        assert_eq!(of("POST /api/v1/session"), Some(401));
    }

    #[test]
    fn it_answers_to_the_address_that_it_is_served_on() {
        let tokens = Tokens::new().unwrap();
        for (address, host) in [("127.0.0.2:1", "127.0.0.2:1"), ("[::1]:2", "[::1]:2")] {
            let guard = Guard::new(address.parse().unwrap(), tokens.clone());
            let headers = [(header::HOST, host.parse().unwrap())]
                .into_iter()
                .collect();
            assert!(guard.check_host(&headers).is_ok());
            let is_nameable = !host.starts_with('[');
            let named = guard.sockets().contains(&format!("ws://{host}"));
            assert_eq!(named, is_nameable, "{}", guard.sockets());
        }
    }
}
