//! Why there is no connection to the relay, and what to do about it.

use std::error::Error;
use std::io;
use std::time::Duration;

use http::{StatusCode, Uri};
use rustls::CertificateError;

use super::backoff::Lost;
use crate::http::client::NoSuchHost;
use crate::link::{Farewell, names};

/// The relay said no.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Refused {
    /// What kind of no, for programs.
    pub code: String,
    /// Why, without a final period.
    pub reason: String,
    /// What to do about it; may be empty.
    pub hint: String,
    /// Whether another try is of any use.
    pub is_final: bool,
}

/// Why a try failed or a connection ended.
#[derive(Debug)]
pub(super) enum Failure {
    /// It is worth another try.
    Lost {
        why: Lost,
        reason: String,
        hint: String,
        /// Not before this.
        after: Option<Duration>,
    },
    /// It is not, or not soon.
    Refused(Refused),
}

impl Failure {
    pub(super) fn lost(why: Lost, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Lost {
            why,
            reason: reason.into(),
            hint: hint.into(),
            after: None,
        }
    }

    fn refused(code: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self::Refused(Refused::of(code, reason, hint))
    }

    /// For whoever does not try again.
    pub(super) fn into_refused(self) -> Refused {
        match self {
            Self::Refused(refused) => refused,
            Self::Lost { reason, hint, .. } => Refused::of("unreachable", reason, hint),
        }
    }
}

impl Refused {
    pub(super) fn of(code: &str, reason: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            code: code.into(),
            reason: reason.into(),
            hint: hint.into(),
            is_final: false,
        }
    }
}

/// The first of an error and its causes that is of that type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
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

/// Why no connection was made; `proxy` is the one that was asked.
pub(super) fn unconnected(
    relay: &Uri,
    proxy: Option<&Uri>,
    error: &(dyn Error + 'static),
) -> Failure {
    let host = relay.host().unwrap_or_default();
    let at = relay.authority().map_or("", |a| a.as_str());
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(host, error);
    }
    if let Some(failure) = proxy.and_then(|proxy| proxy_said_no(at, proxy, error)) {
        return failure;
    }
    let through = through(proxy);
    if find::<NoSuchHost>(error).is_some() {
        return Failure::lost(
            Lost::Network,
            format!("cannot find the address of {host}{through}"),
            "is the name right, and is this machine online?",
        );
    }
    let kind = find::<io::Error>(error).map(io::Error::kind);
    match kind {
        Some(io::ErrorKind::ConnectionRefused) => Failure::lost(
            Lost::Relay,
            format!("{at} refuses connections{through}"),
            "is the relay running, and is the port right?",
        ),
        Some(io::ErrorKind::TimedOut) => no_answer(at, &through),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::UnexpectedEof) => Failure::lost(
            Lost::Relay,
            format!("{at} hung up during the handshake{through}"),
            "",
        ),
        _ => Failure::lost(
            Lost::Network,
            format!("cannot connect to {at}{through}: {}", root(error)),
            if proxy.is_some() {
                "HTTPS_PROXY and NO_PROXY say which proxy is asked"
            } else {
                "is this machine online?"
            },
        ),
    }
}

/// Without a password: that is nobody's business.
fn named(proxy: &Uri) -> &str {
    let at = proxy.authority().map_or("", |a| a.as_str());
    at.rsplit('@').next().unwrap_or(at)
}

/// Names the proxy that was asked, for the end of a reason.
pub(super) fn through(proxy: Option<&Uri>) -> String {
    proxy.map_or_else(String::new, |proxy| {
        format!(" through the proxy {}", named(proxy))
    })
}

/// What the answer of a proxy means. hyper-util tells what it was in words alone.
fn proxy_said_no(at: &str, proxy: &Uri, error: &(dyn Error + 'static)) -> Option<Failure> {
    let (said, proxy) = (root(error), named(proxy));
    match said.strip_prefix("tunnel error: ")? {
        // Whoever tries that often is locked out.
        "proxy authorization required" => Some(Failure::refused(
            "proxy",
            format!("the proxy {proxy} wants a user and a password, or others"),
            "name them in its URL: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
        )),
        "unsuccessful" => Some(Failure::lost(
            Lost::Relay,
            format!("the proxy {proxy} does not connect to {at}"),
            "is the relay running, and does the proxy allow it? NO_PROXY names hosts to ask without one",
        )),
        _ => None,
    }
}

/// The environment names a proxy that does not speak HTTP.
pub(super) fn no_such_proxy(proxy: &Uri) -> Failure {
    let scheme = proxy.scheme_str().unwrap_or_default();
    Failure::refused(
        "proxy",
        format!(
            "{scheme} proxies are not supported, and {} is one",
            named(proxy)
        ),
        "name an HTTP proxy: HTTPS_PROXY=http://HOST:PORT; NO_PROXY names hosts to ask without one",
    )
}

/// It took too long.
pub(super) fn no_answer(at: &str, through: &str) -> Failure {
    Failure::lost(
        Lost::Network,
        format!("{at} does not answer{through}"),
        "is this machine online, and does a firewall let it out?",
    )
}

/// The relay's certificate is no good; there is no way around that.
fn tls(host: &str, error: &rustls::Error) -> Failure {
    let clock = "have the relay's certificate renewed; is this machine's clock right?";
    let (what, hint) = match error {
        rustls::Error::InvalidCertificate(why) => match why {
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                ("has expired".to_owned(), clock)
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                ("is not valid yet".to_owned(), clock)
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                (
                    "is for another host".to_owned(),
                    "use the name that the certificate is for",
                )
            }
            CertificateError::UnknownIssuer => (
                "is from an issuer that this machine does not trust".to_owned(),
                "for a private one, give its certificate with `--relay-ca FILE`",
            ),
            CertificateError::Other(why) if is_authority(why) => (
                "is an authority's own, which no host may show".to_owned(),
                "have it made anew with basicConstraints=CA:FALSE (`openssl req -x509 -addext`)",
            ),
            other => (format!("is no good: {other}"), ""),
        },
        other => {
            return Failure::refused(
                "tls",
                format!("no TLS connection with {host}: {other}"),
                "is this the relay's HTTPS port?",
            );
        }
    };
    Failure::refused(
        "certificate",
        format!("the certificate of {host} {what}"),
        hint,
    )
}

/// A self-signed certificate as openssl makes it, unless it is told otherwise.
fn is_authority(why: &rustls::OtherError) -> bool {
    why.to_string() == "CaUsedAsEndEntity"
}

/// What an answer to the request for a tunnel means.
pub(super) struct Answer<'a> {
    pub(super) status: StatusCode,
    /// The relay's word for it; none where somebody else answered.
    pub(super) code: Option<&'a str>,
    /// In its own words.
    pub(super) said: Option<String>,
    /// Which protocol it speaks.
    pub(super) speaks: Option<&'a str>,
    pub(super) retry_after: Option<Duration>,
}

impl Answer<'_> {
    pub(super) fn failure(&self, relay: &Uri) -> Failure {
        let said = |otherwise: &str| self.said.clone().unwrap_or_else(|| otherwise.to_owned());
        let Some(code) = self.code else {
            return self.not_a_relay(relay);
        };
        let (reason, hint) = match code {
            "no_token" => (
                said("the relay wants a token"),
                "set CMHOOK_RELAY_TOKEN, or run `cmhook relay login URL`",
            ),
            "bad_token" => (
                said("the relay does not know this token; it may have been revoked"),
                "ask whoever runs the relay for a new one (`cmhook relay token create`)",
            ),
            "no_such_name" => (
                said("this token has no such name"),
                "leave `--name` out for the token's own, or have the name reserved for it (`cmhook relay name reserve`)",
            ),
            "held" => (
                said("another agent has this name"),
                "stop it, take the name over with `--takeover`, or have both receive with `--share`",
            ),
            "protocol" => (self.protocol(), "use the same release at both ends"),
            "draining" | "busy" => {
                return Failure::Lost {
                    why: Lost::Relay,
                    reason: said("the relay takes no agents right now"),
                    hint: String::new(),
                    after: self.retry_after,
                };
            }
            _ => (said("the relay said no"), ""),
        };
        Failure::refused(code, reason, hint)
    }

    fn protocol(&self) -> String {
        let own = names::PROTOCOL;
        match self.speaks.and_then(|speaks| speaks.parse::<u32>().ok()) {
            Some(theirs) if theirs > own => format!(
                "the relay speaks version {theirs} of the protocol and this cmhook {own}: upgrade this cmhook"
            ),
            Some(theirs) => format!(
                "the relay speaks version {theirs} of the protocol and this cmhook {own}: the relay has to be upgraded"
            ),
            None => "the relay speaks another version of the protocol".into(),
        }
    }

    /// Something else answered: a proxy in front of a relay that is down, or a web site.
    fn not_a_relay(&self, relay: &Uri) -> Failure {
        let status = self.status;
        if matches!(status.as_u16(), 429 | 500 | 502..=504) {
            return Failure::Lost {
                why: Lost::Relay,
                reason: format!("what stands in front of the relay answers {status}"),
                hint: "is the relay running?".into(),
                after: self.retry_after,
            };
        }
        Failure::refused(
            "not_a_relay",
            format!("there is no relay at {relay}: it answers {status}"),
            "is the URL right, and does a proxy in front let WebSockets through?",
        )
    }
}

/// What the relay's last words mean.
pub(super) fn farewell(farewell: &Farewell) -> Failure {
    let reason = farewell.reason.clone();
    match farewell.code {
        Farewell::RESTART | Farewell::GOING_AWAY => {
            Failure::lost(Lost::Relay, "the relay is restarting", "")
        }
        Farewell::TAKEN_OVER => Failure::Refused(Refused {
            code: "taken_over".into(),
            reason,
            hint: "start again with `--takeover` to get the name back".into(),
            is_final: true,
        }),
        Farewell::REVOKED => Failure::refused(
            "bad_token",
            reason,
            "ask whoever runs the relay for a new one (`cmhook relay token create`)",
        ),
        code => Failure::lost(
            Lost::Relay,
            format!("the relay ended the connection: {reason} ({code})"),
            "",
        ),
    }
}
