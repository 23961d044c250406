//! `cmhook relay serve`.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context as _;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::error::RelayError;
use super::plan::{Plan, of_address};
use crate::cli::RelayServeArgs;
use crate::commands::signals::Signals;
use crate::http::port_owner;
use crate::relay::{self, Domain, Options, Relay, Sockets, UrlStyle};

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

fn bind(address: SocketAddr) -> Result<TcpListener, RelayError> {
    relay::bind(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => RelayError::InUse {
            address,
            owner: port_owner::find(address),
        },
        _ => RelayError::Bind { address, source },
    })
}

/// Whether a domain is meant with the port that the relay listens on: where it says so with 0,
/// and on this machine, where nothing stands in between that could have another.
fn needs_port(domain: &Domain, options: &Options, is_usual: bool) -> bool {
    match domain.port() {
        Some(port) => port == 0,
        None => !is_usual && domain.is_local() && options.trusted.is_empty(),
    }
}

/// What is allowed and probably not meant.
fn doubts(options: &Options, listen: SocketAddr, has_domain: bool) -> Vec<String> {
    let domain = &options.domain;
    let mut doubts = Vec::new();
    if !has_domain && listen.ip().is_unspecified() {
        doubts.push(format!(
            "the relay is for {domain}, and whoever asks it from elsewhere is told `unknown_host`: say under which name it is reached with `--domain`"
        ));
    }
    if options.public_https != Some(true) && !options.is_open && !domain.is_local() {
        doubts.push(format!(
            "agents do not send their tokens to http://{domain}, where they could be read on the way: give a certificate with `--tls-cert` or `--acme`, or `--trust-proxy` where a proxy ends TLS"
        ));
    }
    doubts
}

/// Whether others may write where tokens and what waits are kept.
#[cfg(unix)]
fn doubt_of(data: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::metadata(data).ok()?.permissions().mode();
    let shown = data.display();
    (mode & 0o022 != 0).then(|| {
        format!("other users of this machine may write to the data folder: run `chmod 700 {shown}`")
    })
}

#[cfg(not(unix))]
fn doubt_of(_: &Path) -> Option<String> {
    None
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
    let has_domain = plan.domain.is_some();
    let (scheme, usual) = if options.public_https == Some(true) {
        ("https", 443)
    } else {
        ("http", 80)
    };
    options.domain = match plan.domain {
        None => of_address(address),
        Some(domain) if needs_port(&domain, &options, address.port() == usual) => {
            domain.or_port(address.port())
        }
        Some(domain) => domain,
    };
    let url = format!("{scheme}://{}", options.domain);
    let mut doubts = doubts(&options, plan.listen, has_domain);
    if let Some(at) = metrics_at.filter(|at| !at.ip().is_loopback()) {
        doubts.push(format!("whoever reaches {at} can read the metrics"));
    }
    let beside = plan.plain.map(bind).transpose()?;
    let stop = CancellationToken::new();
    // What it keeps may not be there yet, and the account of an authority is kept there too.
    crate::relay::data::make_folder(&options.data)?;
    doubts.extend(doubt_of(&options.data));
    for doubt in doubts {
        tracing::warn!("{doubt}");
    }
    let tls = match plan.certificate {
        Some(certificate) => Some(certificate.tls(&options, beside.is_some(), &stop)?),
        None => None,
    };
    if let Some(tls) = &tls {
        let host = options.domain.host();
        let covers_all = !options.domain.is_bare() && tls.covers(&format!("name.{host}"));
        if !plan.has_style && tls.is_ready() && covers_all {
            options.style = UrlStyle::Subdomain;
        }
    }
    let data = options.data.clone();
    let is_open = options.is_open;
    let is_certified = tls.as_ref().map(relay::tls::Tls::is_ready);
    let relay = tokio::task::spawn_blocking(|| Relay::open(options)).await??;
    let ready = Ready {
        url: &url,
        listen: address,
        metrics: metrics_at,
        data: &data,
        tokens: relay.tokens().await,
        waiting: relay.waiting(),
        is_open,
        is_certified,
    };
    ready.say(json).or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })?;
    if is_certified == Some(false) {
        tracing::info!(url, listen = %address, "started, and not ready: there is no certificate yet");
    } else {
        tracing::info!(url, listen = %address, "ready");
    }
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
    data: &'a Path,
    tokens: usize,
    waiting: u64,
    is_open: bool,
    // Whether there is a certificate; `None` where none is wanted.
    is_certified: Option<bool>,
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
                "certificate": self.is_certified,
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
        if self.is_certified == Some(false) {
            writeln!(
                out,
                "  tls      no certificate yet: {}/readyz says when there is",
                self.url
            )?;
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
