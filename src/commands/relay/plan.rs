//! What the flags of `cmhook relay serve` say, checked.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

use ipnet::IpNet;

use super::certificate::Certificate;
use super::error::mistake;
use super::keep;
use crate::cli::{RelayServeArgs, UrlsArg};
use crate::config::{self, ConfigError};
use crate::relay::queue::Limits;
use crate::relay::{Domain, Options, PerTunnel, UrlStyle};

/// Descriptors that are left for connections of agents' own, files and everything else.
const RESERVED: u64 = 64;
const MOST_CONNECTIONS: usize = 10_000;
/// Deliveries wait for a year at most.
const MOST_HOURS: u64 = 366 * 24;

/// What the flags say, checked.
pub(super) struct Plan {
    pub(super) listen: SocketAddr,
    pub(super) plain: Option<SocketAddr>,
    pub(super) certificate: Option<Certificate>,
    // Whether the style of URLs is what somebody wanted.
    pub(super) has_style: bool,
    pub(super) metrics: Option<SocketAddr>,
    pub(super) domain: Option<Domain>,
    pub(super) options: Options,
}

impl Plan {
    pub(super) fn of(args: &RelayServeArgs, open_files: u64) -> Result<Self, ConfigError> {
        let certificate = Certificate::of(args)?;
        let usual = certificate.as_ref().map_or("127.0.0.1:4480", |_| ":443");
        let listen = address("--listen", args.listen.as_deref().unwrap_or(usual))?;
        let plain = match (args.tls.http.as_deref(), &certificate) {
            (Some("off"), _) | (None, None | Some(Certificate::Files { .. })) => None,
            (Some(_), None) => {
                return Err(mistake(
                    "`--http` is for plain HTTP beside HTTPS, and there is no certificate".into(),
                    "leave it out, or give a certificate with `--tls-cert` or `--acme`",
                ));
            }
            (text, _) => Some(address("--http", text.unwrap_or(":80"))?),
        };
        if args.open && !listen.ip().is_loopback() && !args.i_know {
            return Err(mistake(
                format!("`--open` lets everybody in who reaches {listen}"),
                "make tokens with `cmhook relay token create`, or add `--i-know` if that is meant",
            ));
        }
        let domain = args.domain.as_deref().map(domain).transpose()?;
        let trusted = args.trust_proxy.iter().map(|text| network(text));
        let trusted: Vec<IpNet> = trusted.collect::<Result<_, _>>()?;
        let queue = &args.queue;
        let limits = &args.limits;
        let connections = usize::try_from(open_files.saturating_sub(RESERVED) / 2);
        let options = Options {
            domain: domain.clone().unwrap_or_else(|| of_address(listen)),
            style: match args.urls {
                Some(UrlsArg::Subdomain) => UrlStyle::Subdomain,
                Some(UrlsArg::Path) | None => UrlStyle::Path,
            },
            public_https: (certificate.is_some() || !trusted.is_empty()).then_some(true),
            data: keep::folder(args.data.as_deref()),
            queue: waiting(queue)?,
            per_tunnel: PerTunnel {
                rate: at_least_1("--rate", limits.rate.unwrap_or(1000))?,
                at_once: at_least_1("--concurrency", limits.concurrency.unwrap_or(256))?,
            },
            max_body: size("--max-body", limits.max_body.as_deref().unwrap_or("25MB"))?,
            max_connections: match limits.max_connections {
                Some(most) => at_least_1("--max-connections", most)?,
                None => connections.unwrap_or(usize::MAX).clamp(1, MOST_CONNECTIONS),
            },
            patience: time(
                "--answer-timeout",
                limits.answer_timeout.as_deref().unwrap_or("2m"),
            )?,
            trusted,
            is_open: args.open,
            grace: time("--grace", limits.grace.as_deref().unwrap_or("20s"))?,
        };
        if options.style == UrlStyle::Subdomain && options.domain.is_bare() {
            return Err(mistake(
                format!(
                    "`--urls subdomain` takes a domain, and `{}` has no subdomains",
                    options.domain
                ),
                "give one with `--domain hooks.example.com`, or leave `--urls` out",
            ));
        }
        if options.style == UrlStyle::Subdomain && matches!(certificate, Some(Certificate::Acme(_)))
        {
            return Err(mistake(
                "`--urls subdomain` takes a wildcard certificate, which `--acme` does not get"
                    .into(),
                "leave `--urls` out, or get one with a tool that knows your DNS and give it with `--tls-cert`",
            ));
        }
        let metrics = metrics(
            args.metrics.as_deref().unwrap_or("127.0.0.1:9480"),
            args.i_know,
        )?;
        Ok(Self {
            listen,
            plain,
            metrics,
            certificate,
            has_style: args.urls.is_some(),
            domain,
            options,
        })
    }
}

/// `PORT` on loopback, `:PORT` on every address, or an address with a port.
fn address(name: &str, text: &str) -> Result<SocketAddr, ConfigError> {
    let text = text.trim();
    if let Some(Ok(port)) = text.strip_prefix(':').map(str::parse) {
        return Ok(SocketAddr::new(every_address(), port));
    }
    if let Ok(port) = text.parse() {
        return Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    }
    let text_of = text.replace("localhost:", "127.0.0.1:");
    text_of.parse().map_err(|_| {
        mistake(
            format!("`{name} {}` is not an address", text.escape_debug()),
            "use a port (`4480`) on this machine alone, `:443` for every address, or ADDRESS:PORT",
        )
    })
}

/// Of both families, where there are both.
fn every_address() -> IpAddr {
    match UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0)) {
        Ok(_) => Ipv6Addr::UNSPECIFIED.into(),
        Err(_) => Ipv4Addr::UNSPECIFIED.into(),
    }
}

fn metrics(text: &str, i_know: bool) -> Result<Option<SocketAddr>, ConfigError> {
    if text == "off" {
        return Ok(None);
    }
    let address = address("--metrics", text)?;
    if address.ip().is_loopback() || i_know {
        return Ok(Some(address));
    }
    Err(mistake(
        format!(
            "`--metrics {}` could be read from other machines",
            text.escape_debug()
        ),
        "use a port of this machine alone (`127.0.0.1:9480`), or add `--i-know` if that is meant",
    ))
}

fn domain(text: &str) -> Result<Domain, ConfigError> {
    let text = text.trim();
    Domain::parse(text).ok_or_else(|| {
        let hint = if text.starts_with("*.") {
            "leave the `*.` out: the names below the domain are the relay's too"
        } else {
            "write it as `hooks.example.com` or `hooks.example.com:8443`, without https:// and without a path"
        };
        mistake(format!("`--domain {}` is not a host", text.escape_debug()), hint)
    })
}

pub(super) fn of_address(listen: SocketAddr) -> Domain {
    let ip = match listen.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let text = SocketAddr::new(ip, listen.port()).to_string();
    Domain::parse(&text).unwrap_or_else(|| unreachable!("an address is a host"))
}

fn network(text: &str) -> Result<IpNet, ConfigError> {
    let text = text.trim();
    let net = text.parse().ok();
    net.or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
        .ok_or_else(|| {
            mistake(
                format!("`--trust-proxy {}` is not a network", text.escape_debug()),
                "write it as `10.0.0.0/8`, or an address alone",
            )
        })
}

fn waiting(args: &crate::cli::RelayQueueArgs) -> Result<Option<Limits>, ConfigError> {
    let count = match args.queue.as_deref() {
        Some("off") => return Ok(None),
        None => Limits::default().count,
        Some(text) => text.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
            mistake(
                format!(
                    "`--queue {}` is not a number of deliveries",
                    text.escape_debug()
                ),
                "use a number from 1 on, or `off`",
            )
        })?,
    };
    Ok(Some(Limits {
        count,
        bytes: size(
            "--queue-bytes",
            args.queue_bytes.as_deref().unwrap_or("256MB"),
        )?,
        age: config::duration_up_to(
            "--queue-age",
            args.queue_age.as_deref().unwrap_or("72h"),
            MOST_HOURS,
        )?,
    }))
}

fn at_least_1<T: PartialOrd + From<u8> + std::fmt::Display>(
    name: &str,
    number: T,
) -> Result<T, ConfigError> {
    if number >= T::from(1) {
        return Ok(number);
    }
    Err(mistake(
        format!("`{name} {number}` lets nothing through"),
        "use a number from 1 on",
    ))
}

fn size(name: &str, text: &str) -> Result<u64, ConfigError> {
    config::size(name, text)
}

fn time(name: &str, text: &str) -> Result<Duration, ConfigError> {
    config::duration(name, text)
}
