//! Whether no sense can be made of a relay because its URL has the wrong scheme.

use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::failure::{Failure, Refused};
use crate::config::shown_url;
use crate::http::line::{Lines, Obstacle, Unconnected, is_loopback};

/// Whoever speaks HTTP or TLS says so at once; one who waits for a line's end never does. The
/// start of a listener waits no longer than 5 seconds for all of it.
const SAYS_SO_WITHIN: Duration = Duration::from_secs(2);

/// What it means that there was a line to `relay` and no sense in what came: another try
/// would get the same where the relay speaks the other of HTTP and HTTPS, which is asked it.
pub(super) async fn failure(
    lines: &Lines,
    relay: &Uri,
    why: Unconnected,
    heard: Option<Failure>,
) -> Failure {
    let is_tls = relay.scheme() == Some(&Scheme::HTTPS);
    let wrong = match why.obstacle {
        Obstacle::Tls if is_tls => no_tls(lines, relay).await,
        Obstacle::Host | Obstacle::Network if !is_tls => no_http(lines, relay).await,
        _ => None,
    };
    wrong.or(heard).unwrap_or_else(|| why.into())
}

/// Where a relay that is asked without TLS speaks it.
pub(super) async fn no_http(lines: &Lines, relay: &Uri) -> Option<Failure> {
    let secure = with(relay, Scheme::HTTPS)?;
    let speaks_tls = match timeout(SAYS_SO_WITHIN, lines.open(&secure)).await {
        Ok(Ok(_)) => true,
        Ok(Err(why)) => why.obstacle == Obstacle::Certificate,
        Err(_) => false,
    };
    let write = format!("write {}", shown_url(&secure));
    speaks_tls.then(|| refused(relay, "speaks TLS", write))
}

/// Where a relay that is asked with TLS speaks none.
async fn no_tls(lines: &Lines, relay: &Uri) -> Option<Failure> {
    let clear = with(relay, Scheme::HTTP)?;
    if !speaks_http(lines, &clear).await {
        return None;
    }
    let write = if is_loopback(relay) {
        format!("write {}", shown_url(&clear))
    } else {
        "name the port at which it, or a proxy in front of it, speaks TLS: no token is sent over plain HTTP".into()
    };
    Some(refused(relay, "speaks plain HTTP, and no TLS", write))
}

fn refused(relay: &Uri, what: &str, hint: String) -> Failure {
    let at = relay.authority().map_or("", |at| at.as_str());
    Failure::Refused(Refused::of("tls", format!("{at} {what}"), hint))
}

async fn speaks_http(lines: &Lines, clear: &Uri) -> bool {
    const HTTP: &[u8] = b"HTTP/1.";
    let asking = async {
        let mut line = TokioIo::new(lines.open(clear).await.ok()?);
        let at = clear.authority()?;
        let request = format!("GET / HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        line.write_all(request.as_bytes()).await.ok()?;
        let mut answer = [0; HTTP.len()];
        line.read_exact(&mut answer).await.ok()?;
        Some(answer == *HTTP)
    };
    matches!(timeout(SAYS_SO_WITHIN, asking).await, Ok(Some(true)))
}

/// The same URL with another scheme, and the port that it had.
fn with(url: &Uri, scheme: Scheme) -> Option<Uri> {
    let at = url.authority()?.as_str();
    let port = match (url.port_u16(), url.scheme() == Some(&Scheme::HTTPS)) {
        (Some(_), _) => "",
        (None, true) => ":443",
        (None, false) => ":80",
    };
    Uri::builder()
        .scheme(scheme)
        .authority(format!("{at}{port}"))
        .path_and_query(url.path())
        .build()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_stays_when_the_scheme_does_not() {
        for (url, scheme, other) in [
            (
                "http://localhost:24443",
                Scheme::HTTPS,
                "https://localhost:24443",
            ),
            (
                "https://hooks.example.com/a",
                Scheme::HTTP,
                "http://hooks.example.com:443/a",
            ),
            (
                "http://hooks.example.com",
                Scheme::HTTPS,
                "https://hooks.example.com:80",
            ),
        ] {
            let with = with(&url.parse().unwrap(), scheme).unwrap();
            assert_eq!(shown_url(&with), other);
        }
    }
}
