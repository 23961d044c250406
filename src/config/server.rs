//! URLs of servers that cmhook talks to: a relay, Cakemail's API.

use http::Uri;
use http::uri::{Authority, Scheme};

use super::ConfigError;
use crate::http::line::on_this_machine;

/// A URL with a user in it, which many a tool takes for a token.
const USER: &str = "a user is not wanted in it";

/// What kind of server, for the words of what goes wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Server {
    /// `the URL of a relay`.
    pub(super) is: &'static str,
    /// How to write one.
    pub(super) example: &'static str,
    /// Where what stands before an `@` belongs.
    pub(super) user: &'static str,
}

/// What a user writes for a server: a URL, or a host, which means https unless it is this
/// machine. One server has one URL, under which what opens it is kept.
///
/// # Errors
/// Where it is no such URL.
pub(super) fn server_url(text: &str, server: Server) -> Result<Uri, ConfigError> {
    let bad = |problem: &str| {
        ConfigError::new(
            format!("`{}` is not {}: {problem}", presentable(text), server.is),
            if problem == USER {
                server.user
            } else {
                server.example
            },
        )
    };
    let text = text.trim();
    if text.is_empty() {
        return Err(bad("it is empty"));
    }
    if text.contains(['?', '#']) {
        return Err(bad("it ends with the host or a path"));
    }
    if text.contains('@') {
        return Err(bad(USER));
    }
    let whole = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let uri: Uri = whole.parse().map_err(|_| bad("it is no address"))?;
    let mut parts = uri.into_parts();
    if !matches!(&parts.scheme, Some(s) if *s == Scheme::HTTP || *s == Scheme::HTTPS) {
        return Err(bad("only https and http reach one"));
    }
    let authority = parts
        .authority
        .take()
        .ok_or_else(|| bad("it has no host"))?;
    let host = authority.host();
    if host.is_empty() || host.contains('%') {
        return Err(bad("it has no host"));
    }
    if host.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad("a number is no host"));
    }
    let has_port = authority.as_str().len() > host.len();
    if has_port && authority.port_u16().is_none_or(|port| port == 0) {
        return Err(bad("a port is a number from 1 to 65535"));
    }
    let lower = authority.as_str().to_ascii_lowercase();
    if !text.contains("://") && on_this_machine(authority.host()) {
        parts.scheme = Some(Scheme::HTTP);
    }
    let usual = if parts.scheme == Some(Scheme::HTTP) {
        ":80"
    } else {
        ":443"
    };
    let authority = Authority::try_from(lower.strip_suffix(usual).unwrap_or(&lower))
        .map_err(|_| bad("it is no address"))?;
    let path = parts.path_and_query.take();
    let path = path.as_ref().map_or("", |path| path.path());
    let path = match path.trim_end_matches('/') {
        "" => "/",
        path => path,
    };
    Uri::builder()
        .scheme(parts.scheme.unwrap_or(Scheme::HTTPS))
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| bad("it is no address"))
}

/// A server's URL as it is shown and as what opens it is kept under: without a slash at its end.
pub fn shown_url(url: &Uri) -> String {
    url.to_string().trim_end_matches('/').to_owned()
}

/// Of a text that is no URL as much as can be shown: a password may stand before the `@`,
/// and a token behind the `?`.
pub(super) fn presentable(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let text = text.rsplit_once('@').map_or(text, |(_, host)| host);
    text.escape_debug().to_string()
}
