//! Lines to servers out there, with whatever proxy the environment names, and why there is
//! none in words that say what to do.

use std::error::Error;
use std::future::Future;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_rustls::{HttpsConnector, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Matcher;
use hyper_util::rt::TokioIo;
use rustls::CertificateError;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower_service::Service;

use super::client::{NoSuchHost, Resolver};

/// A try takes no longer: over a network that was down, the next one is soon.
const CONNECTS_WITHIN: Duration = Duration::from_secs(3);
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// A line, encrypted or not.
pub type Line = MaybeHttpsStream<TokioIo<TcpStream>>;

/// Makes lines. This machine itself is never asked for through a proxy.
#[derive(Debug, Clone)]
pub struct Lines {
    tls: Arc<rustls::ClientConfig>,
    proxies: Arc<Matcher>,
    whom: Whom,
}

/// Whom lines lead to, for the words of what goes wrong.
#[derive(Debug, Clone, Copy)]
pub struct Whom {
    /// `the relay`.
    pub name: &'static str,
    /// How a certificate of an issuer of one's own is trusted.
    pub trust: &'static str,
}

/// What is in the way of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// The certificate is no good; there is no way around that.
    Certificate,
    /// It speaks no TLS, or none that fits.
    Tls,
    /// The proxy wants to know who asks, or is of a kind that is not supported.
    Proxy,
    /// The host is there, or a proxy says so, and takes no connection.
    Host,
    /// The network gives no way there.
    Network,
}

/// Why there is no line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Unconnected {
    /// What is in the way.
    pub obstacle: Obstacle,
    /// Why, without a final period.
    pub reason: String,
    /// What to do about it; may be empty.
    pub hint: String,
}

impl Unconnected {
    fn new(obstacle: Obstacle, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            obstacle,
            reason: reason.into(),
            hint: hint.into(),
        }
    }
}

/// Whether a URL leads to this machine by its very name.
pub fn is_loopback(url: &Uri) -> bool {
    url.host().is_some_and(on_this_machine)
}

/// Whether a host is this machine by its very name.
pub fn on_this_machine(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
    let host = bare.unwrap_or(host).trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    host == "localhost"
        || host.ends_with(".localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback())
}

impl Lines {
    /// With the proxies that the environment names now.
    pub fn new(tls: Arc<rustls::ClientConfig>, whom: Whom) -> Self {
        Self {
            tls,
            proxies: Arc::new(Matcher::from_env()),
            whom,
        }
    }

    /// A line to the host of a URL.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn open(&self, to: &Uri) -> Result<Line, Unconnected> {
        let proxy = if is_loopback(to) {
            None
        } else {
            self.proxies.intercept(to)
        };
        let proxy_uri = proxy.as_ref().map(|proxy| proxy.uri().clone());
        if let Some(uri) = &proxy_uri
            && uri.scheme_str() != Some("http")
        {
            return Err(no_such_proxy(uri));
        }
        let mut http = HttpConnector::new_with_resolver(Resolver);
        http.set_nodelay(true);
        http.enforce_http(false);
        http.set_connect_timeout(Some(CONNECTS_WITHIN));
        let connecting = async {
            match proxy {
                None => {
                    let mut connector = HttpsConnector::from((http, Arc::clone(&self.tls)));
                    connector.call(to.clone()).await
                }
                Some(proxy) => {
                    let mut tunnel = Tunnel::new(proxy.uri().clone(), http);
                    if let Some(auth) = proxy.basic_auth() {
                        tunnel = tunnel.with_auth(auth.clone());
                    }
                    let mut connector = HttpsConnector::from((tunnel, Arc::clone(&self.tls)));
                    connector.call(to.clone()).await
                }
            }
        };
        match timeout(ANSWERS_WITHIN, connecting).await {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(self.why(to, proxy_uri.as_ref(), &*error)),
            Err(_) => Err(no_answer(to, proxy_uri.as_ref())),
        }
    }

    /// Why no connection was made, or why it broke before an answer came; `proxy` is the one
    /// that was asked.
    pub fn why(&self, to: &Uri, proxy: Option<&Uri>, error: &(dyn Error + 'static)) -> Unconnected {
        let host = to.host().unwrap_or_default();
        let at = named(to);
        if let Some(error) = find::<rustls::Error>(error) {
            return self.no_tls(host, error);
        }
        if let Some(why) = proxy.and_then(|proxy| self.proxy_said_no(at, proxy, error)) {
            return why;
        }
        let through = through(proxy);
        let name = self.whom.name;
        if find::<NoSuchHost>(error).is_some() {
            return Unconnected::new(
                Obstacle::Network,
                format!("cannot find the address of {host}"),
                "is the name right, and is this machine online?",
            );
        }
        match find::<io::Error>(error).map(io::Error::kind) {
            Some(io::ErrorKind::ConnectionRefused) => Unconnected::new(
                Obstacle::Host,
                format!("{at} refuses connections"),
                format!("is {name} running, and is the port right?"),
            ),
            Some(io::ErrorKind::TimedOut) => no_answer(to, proxy),
            Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => {
                let reason = format!("{at} hung up during the handshake{through}");
                Unconnected::new(Obstacle::Host, reason, "")
            }
            _ => Unconnected::new(
                Obstacle::Network,
                format!("cannot connect to {at}{through}: {}", root(error)),
                if proxy.is_some() {
                    WHICH_PROXY
                } else {
                    "is this machine online?"
                },
            ),
        }
    }

    /// What the answer of a proxy means. hyper-util tells what it was in words alone.
    fn proxy_said_no(
        &self,
        at: &str,
        proxy: &Uri,
        error: &(dyn Error + 'static),
    ) -> Option<Unconnected> {
        if let Some(why) = no_proxy(proxy, error) {
            return Some(why);
        }
        let (said, proxy) = (root(error), named(proxy));
        match said.strip_prefix("tunnel error: ")? {
            // Whoever tries that often is locked out.
            "proxy authorization required" => Some(Unconnected::new(
                Obstacle::Proxy,
                format!("the proxy {proxy} wants a user and a password, or others"),
                "name them in its URL: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
            )),
            "unsuccessful" => Some(Unconnected::new(
                Obstacle::Host,
                format!("the proxy {proxy} does not connect to {at}"),
                format!(
                    "is {} running, and does the proxy allow it? NO_PROXY names hosts to ask without one",
                    self.whom.name
                ),
            )),
            _ => Some(Unconnected::new(
                Obstacle::Network,
                format!("the proxy {proxy} does not answer as a proxy does"),
                WHICH_PROXY,
            )),
        }
    }

    fn no_tls(&self, host: &str, error: &rustls::Error) -> Unconnected {
        let name = self.whom.name;
        let rustls::Error::InvalidCertificate(why) = error else {
            return Unconnected::new(
                Obstacle::Tls,
                format!("no TLS connection with {host}: {error}"),
                format!("is this {name}'s HTTPS port?"),
            );
        };
        let clock = || format!("have {name}'s certificate renewed; is this machine's clock right?");
        let (what, hint) = match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("has expired".to_owned(), clock())
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ("is not valid yet".to_owned(), clock())
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (
                    "is for another host".to_owned(),
                    "use the name that the certificate is for".to_owned(),
                )
            }
            CertificateError::UnknownIssuer => (
                "is from an issuer that this machine does not trust".to_owned(),
                self.whom.trust.to_owned(),
            ),
            CertificateError::Other(why) if is_authority(why) => (
                "is an authority's own, which no host may show".to_owned(),
                "have it made anew with basicConstraints=CA:FALSE (`openssl req -x509 -addext`)"
                    .to_owned(),
            ),
            other => (format!("is no good: {other}"), String::new()),
        };
        let reason = format!("the certificate of {host} {what}");
        Unconnected::new(Obstacle::Certificate, reason, hint)
    }
}

impl Service<Uri> for Lines {
    type Response = Line;
    type Error = Unconnected;
    type Future = Pin<Box<dyn Future<Output = Result<Line, Unconnected>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Unconnected>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let this = self.clone();
        Box::pin(async move { this.open(&to).await })
    }
}

/// It took too long.
pub fn no_answer(from: &Uri, proxy: Option<&Uri>) -> Unconnected {
    let at = named(from);
    Unconnected::new(
        Obstacle::Network,
        format!("{at} does not answer{}", through(proxy)),
        "is this machine online, and does a firewall let it out?",
    )
}

/// What to do about a proxy.
const WHICH_PROXY: &str = "HTTPS_PROXY and NO_PROXY say which proxy is asked";

/// What is in the way of the proxy itself: the host behind it is looked up and called by the
/// proxy, which says in words of its own what became of that.
fn no_proxy(proxy: &Uri, error: &(dyn Error + 'static)) -> Option<Unconnected> {
    let named = named(proxy);
    let no = |reason: String, hint: &str| {
        let hint = format!("{hint} {WHICH_PROXY}");
        Some(Unconnected::new(Obstacle::Network, reason, hint))
    };
    if find::<NoSuchHost>(error).is_some() {
        return no(
            format!("cannot find the address of the proxy {named}"),
            "is its name right?",
        );
    }
    match find::<io::Error>(error).map(io::Error::kind)? {
        io::ErrorKind::ConnectionRefused => no(
            format!("the proxy {named} refuses connections"),
            "is it running, and is its port right?",
        ),
        io::ErrorKind::TimedOut => no(
            format!("the proxy {named} does not answer"),
            "is it running?",
        ),
        _ => None,
    }
}

/// The environment names a proxy that does not speak HTTP.
fn no_such_proxy(proxy: &Uri) -> Unconnected {
    let scheme = proxy.scheme_str().unwrap_or_default();
    Unconnected::new(
        Obstacle::Proxy,
        format!(
            "{scheme} proxies are not supported, and {} is one",
            named(proxy)
        ),
        "name an HTTP proxy: HTTPS_PROXY=http://HOST:PORT; NO_PROXY names hosts to ask without one",
    )
}

/// Host and port, without a password: that is nobody's business.
fn named(uri: &Uri) -> &str {
    let at = uri.authority().map_or("", |a| a.as_str());
    at.rsplit('@').next().unwrap_or(at)
}

/// Names the proxy that was asked, for the end of a reason.
fn through(proxy: Option<&Uri>) -> String {
    proxy.map_or_else(String::new, |proxy| {
        format!(" through the proxy {}", named(proxy))
    })
}

/// A self-signed certificate as openssl makes it, unless it is told otherwise.
fn is_authority(why: &rustls::OtherError) -> bool {
    why.to_string() == "CaUsedAsEndEntity"
}

/// The first of an error and its causes that is of that type.
pub fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        // What an io::Error wraps is not among its causes, but its cause is.
        if let Some(inner) = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
            && let Some(found) = find_in(inner)
        {
            return Some(found);
        }
        next = error.source();
    }
    None
}

fn find_in<'a, T: Error + 'static>(
    error: &'a (dyn Error + Send + Sync + 'static),
) -> Option<&'a T> {
    let error: &'a (dyn Error + 'static) = error;
    find(error)
}

/// The last cause in words: it says most.
fn root(error: &(dyn Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
