//! `cmhook relay serve`.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use ipnet::IpNet;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::error::RelayError;
use super::keep;
use crate::cli::{RelayServeArgs, UrlsArg};
use crate::commands::signals::Signals;
use crate::config::{self, ConfigError};
use crate::http::port_owner;
use crate::relay::acme::{self, By};
use crate::relay::queue::Limits;
use crate::relay::tls::Tls;
use crate::relay::{self, Domain, Options, PerTunnel, Relay, Sockets, UrlStyle};

/// Descriptors that are left for connections of agents' own, files and everything else.
const RESERVED: u64 = 64;
const MOST_CONNECTIONS: usize = 10_000;
/// Deliveries wait for a year at most.
const MOST_HOURS: u64 = 366 * 24;

pub(super) fn run(args: &RelayServeArgs) -> anyhow::Result<()> {
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(1024);
    let plan = Plan::of(args, limit)?;
    // A thread for every second core. A delivery is mostly the system's work, and threads that
    // hand it to each other cost a sixth more of it than they gain where there are few cores.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads((cores / 2).max(1))
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let result = runtime.block_on(serve(plan, args.json));
    runtime.shutdown_background();
    result
}

/// What the flags say, checked.
struct Plan {
    listen: SocketAddr,
    plain: Option<SocketAddr>,
    certificate: Option<Certificate>,
    // Whether the style of URLs is what somebody wanted.
    has_style: bool,
    metrics: Option<SocketAddr>,
    domain: Option<Domain>,
    options: Options,
}

impl Plan {
    fn of(args: &RelayServeArgs, open_files: u64) -> Result<Self, ConfigError> {
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
        let metrics = metrics(args.metrics.as_deref().unwrap_or("127.0.0.1:9480"))?;
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

/// Where the certificate comes from.
enum Certificate {
    Files { chain: PathBuf, key: PathBuf },
    Acme(AcmeArgs),
}

struct AcmeArgs {
    email: String,
    directory: String,
    ca: Option<PathBuf>,
}

impl Certificate {
    fn of(args: &RelayServeArgs) -> Result<Option<Self>, ConfigError> {
        let tls = &args.tls;
        if let (Some(chain), Some(key)) = (&tls.tls_cert, &tls.tls_key) {
            let (chain, key) = (chain.clone(), key.clone());
            return Ok(Some(Self::Files { chain, key }));
        }
        let Some(email) = &tls.acme else {
            return Ok(None);
        };
        if !email.contains('@') {
            return Err(mistake(
                format!("`--acme {}` is not an e-mail address", email.escape_debug()),
                "give the address that Let's Encrypt may write to",
            ));
        }
        let directory = tls.acme_directory.as_deref().unwrap_or(acme::LETS_ENCRYPT);
        Ok(Some(Self::Acme(AcmeArgs {
            email: email.clone(),
            directory: directory.to_owned(),
            ca: tls.acme_ca.clone(),
        })))
    }

    /// Reads it, or begins to get it.
    fn tls(
        self,
        options: &Options,
        has_http: bool,
        stop: &CancellationToken,
    ) -> anyhow::Result<Tls> {
        match self {
            Self::Files { chain, key } => Ok(Tls::from_files(&chain, &key, stop)?),
            Self::Acme(args) => {
                let mut by = vec![By::Tls];
                by.extend(has_http.then_some(By::Http));
                let settings = acme::Settings {
                    host: options.domain.host().to_owned(),
                    email: args.email,
                    directory: args.directory,
                    ca: args.ca,
                    data: options.data.clone(),
                    by,
                    retry: acme::Settings::RETRY,
                };
                Ok(Tls::from_acme(settings, stop)?)
            }
        }
    }
}

fn mistake(message: String, hint: &str) -> ConfigError {
    ConfigError {
        message,
        hint: hint.into(),
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

fn metrics(text: &str) -> Result<Option<SocketAddr>, ConfigError> {
    if text == "off" {
        return Ok(None);
    }
    let address = address("--metrics", text)?;
    if address.ip().is_loopback() {
        return Ok(Some(address));
    }
    Err(mistake(
        format!(
            "`--metrics {}` could be read from other machines",
            text.escape_debug()
        ),
        "use a port of this machine alone (`127.0.0.1:9480`); a proxy with a password can give it to others",
    ))
}

fn domain(text: &str) -> Result<Domain, ConfigError> {
    Domain::parse(text.trim()).ok_or_else(|| {
        mistake(
            format!("`--domain {}` is not a host", text.escape_debug()),
            "write it as `hooks.example.com`, without https:// and without a path",
        )
    })
}

fn of_address(listen: SocketAddr) -> Domain {
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

fn bind(address: SocketAddr) -> Result<TcpListener, RelayError> {
    relay::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => RelayError::InUse {
            address,
            owner: port_owner::find(address),
        },
        _ => RelayError::Bind { address, source },
    })
}

async fn serve(plan: Plan, json: bool) -> anyhow::Result<()> {
    let public = bind(plan.listen)?;
    let address = public.local_addr().context("cannot tell the port")?;
    let metrics = plan.metrics.map(bind).transpose()?;
    let metrics_at = metrics
        .as_ref()
        .and_then(|listener| listener.local_addr().ok());
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let mut options = plan.options;
    if plan.domain.is_none() {
        options.domain = of_address(address);
    } else if options.domain.port() == Some(0) {
        options.domain = options.domain.or_port(address.port());
    }
    let scheme = if options.public_https == Some(true) {
        "https"
    } else {
        "http"
    };
    let url = format!("{scheme}://{}", options.domain);
    let beside = plan.plain.map(bind).transpose()?;
    let stop = CancellationToken::new();
    // What it keeps may not be there yet, and the account of an authority is kept there too.
    crate::relay::data::make_folder(&options.data)?;
    let tls = match plan.certificate {
        Some(certificate) => Some(certificate.tls(&options, beside.is_some(), &stop)?),
        None => None,
    };
    if let Some(tls) = &tls {
        let host = options.domain.host();
        if tls.is_ready() && !tls.covers(host) {
            tracing::warn!("the certificate is not for {host}: agents will refuse it");
        }
        let covers_all = !options.domain.is_bare() && tls.covers(&format!("name.{host}"));
        if !plan.has_style && tls.is_ready() && covers_all {
            options.style = UrlStyle::Subdomain;
        }
    }
    let data = options.data.clone();
    let is_open = options.is_open;
    let relay = tokio::task::spawn_blocking(|| Relay::open(options)).await??;
    let ready = Ready {
        url: &url,
        listen: address,
        metrics: metrics_at,
        data: &data,
        tokens: relay.tokens().await,
        waiting: relay.waiting(),
        is_open,
    };
    ready.say(json).or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })?;
    tracing::info!(url, listen = %address, "ready");
    let sockets = Sockets {
        public,
        tls,
        plain: beside,
        metrics,
    };
    let serving = relay.serve(sockets, stop.clone());
    tokio::pin!(serving);
    tokio::select! {
        () = serving.as_mut() => return Ok(()),
        () = signals.next() => stop.cancel(),
    }
    tokio::select! {
        () = serving => Ok(()),
        () = signals.next() => Err(RelayError::Forced.into()),
    }
}

/// What is said at the start.
struct Ready<'a> {
    url: &'a str,
    listen: SocketAddr,
    metrics: Option<SocketAddr>,
    data: &'a std::path::Path,
    tokens: usize,
    waiting: u64,
    is_open: bool,
}

impl Ready<'_> {
    fn say(&self, json: bool) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if json {
            let object = serde_json::json!({
                "type": "ready",
                "v": crate::wire::VERSION,
                "version": env!("CARGO_PKG_VERSION"),
                "url": self.url,
                "listen": self.listen.to_string(),
                "metrics": self.metrics.map(|at| format!("http://{at}/metrics")),
                "data": self.data.display().to_string(),
                "tokens": self.tokens,
                "waiting": self.waiting,
                "pid": std::process::id(),
            });
            writeln!(out, "{object}")?;
            return out.flush();
        }
        writeln!(out, "cmhook relay at {}", self.url)?;
        writeln!(out, "  agents   cmhook listen --relay {}", self.url)?;
        writeln!(
            out,
            "  data     {}, {} waiting",
            self.data.display(),
            self.waiting
        )?;
        if let Some(metrics) = self.metrics {
            writeln!(out, "  metrics  http://{metrics}/metrics")?;
        }
        if self.is_open {
            writeln!(out, "  open     agents need no token")?;
        } else if self.tokens == 0 {
            writeln!(
                out,
                "  tokens   none yet: make one with `cmhook relay token create LABEL`"
            )?;
        }
        out.flush()
    }
}
