//! Running a sandbox.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Context as _;
use jiff::Zoned;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::place::Place;
use super::plan::Plan;
use crate::cakemail::event::NAMES;
use crate::cakemail::sandbox::{ACCESS_TOKEN, ACCOUNT, PASSWORD};
use crate::capture::listener;
use crate::cli::SandboxServeArgs;
use crate::commands::signals::Signals;
use crate::commands::start_error::StartError;
use crate::delivery::escape_for_terminal;
use crate::delivery::words::took;
use crate::sandbox::{EMULATION, Report, Sandbox, said};

pub(super) fn run(args: &SandboxServeArgs) -> anyhow::Result<()> {
    let plan = Plan::of(args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let json = args.json.unwrap_or(false);
    let result = runtime.block_on(serve(plan, json, args.quiet));
    // Whoever asks and hangs is not waited for.
    runtime.shutdown_timeout(Duration::from_millis(200));
    result
}

async fn serve(plan: Plan, json: bool, quiet: bool) -> anyhow::Result<()> {
    let mut signals = Signals::new().context("cannot listen for signals")?;
    let socket = listener::bind(plan.listen)?;
    let address = socket.local_addr().context("cannot tell the port")?;
    let ready = Ready::new(&plan, address);
    let (patience, is_kept) = (plan.options.patience, plan.data.is_some());
    let sandbox = Sandbox::open(plan.data.as_deref(), plan.options)?;
    let counts = sandbox.counts()?;
    let stop = CancellationToken::new();
    let running = sandbox.serve(socket, address, stop.clone())?;
    let _place = is_kept.then(|| Place::tell(&ready.url));
    let said = if json {
        ready.say_json()
    } else {
        ready.say(counts)
    };
    said.or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })?;
    let (done, written) = tokio::sync::oneshot::channel();
    let (waiting, reports) = (running.waiting(), running.reports);
    std::thread::spawn(move || {
        tell(reports, json, quiet);
        let count = waiting().unwrap_or(0);
        // Else the state would not be closed, and its log stay beside it.
        drop(waiting);
        // Where nobody reads that, it is stopped all the same.
        let _ = say_stopped(count, is_kept, json);
        let _ = done.send(());
    });
    signals.next().await;
    stop.cancel();
    // A try that is under way ends within its time, and is kept.
    let ended = tokio::time::timeout(patience + Duration::from_secs(1), running.tasks.wait());
    tokio::select! {
        _ = ended => {}
        () = signals.next() => return Err(StartError::Forced.into()),
    }
    // A reader that does not read is not waited for.
    let _ = tokio::time::timeout(Duration::from_secs(1), written).await;
    Ok(())
}

/// Writes a line for each try until there are no more. Where nobody reads them they are not
/// written any more, and the sandbox goes on.
fn tell(mut reports: mpsc::Receiver<Report>, json: bool, quiet: bool) {
    let mut is_read = !quiet;
    while let Some(report) = reports.blocking_recv() {
        if !is_read {
            continue;
        }
        let mut out = io::stdout().lock();
        let written = if json {
            let line = serde_json::to_string(&report).unwrap_or_default();
            writeln!(out, "{line}")
        } else {
            writeln!(out, "{}", line(&report))
        };
        is_read = written.and_then(|()| out.flush()).is_ok();
    }
}

/// What is said last.
fn say_stopped(waiting: usize, is_kept: bool, json: bool) -> io::Result<()> {
    let mut out = io::stdout().lock();
    if json {
        let object = json!({ "type": "stopped", "waiting": waiting, "kept": is_kept });
        writeln!(out, "{object}")
    } else {
        writeln!(out, "{}", stopped(waiting, is_kept))
    }
}

fn stopped(waiting: usize, is_kept: bool) -> String {
    match (waiting, is_kept) {
        (0, _) => "Stopped; no tries wait.".to_owned(),
        (1, true) => "Stopped; 1 try waits and goes on at the next start.".to_owned(),
        (n, true) => format!("Stopped; {n} tries wait and go on at the next start."),
        (1, false) => {
            "Stopped; 1 try that waited is gone: the state was in memory only.".to_owned()
        }
        (n, false) => {
            format!("Stopped; {n} tries that waited are gone: the state was in memory only.")
        }
    }
}

/// A try in a line.
fn line(report: &Report) -> String {
    let spent = Duration::try_from_secs_f64(report.took_ms / 1000.0).unwrap_or_default();
    let answer = match (report.status, &report.error) {
        (Some(status), _) => status.to_string(),
        (None, error) => error.clone().unwrap_or_default(),
    };
    let after = match (report.outcome, report.wait_ms) {
        ("pending", Some(wait)) => {
            let wait = said(Duration::from_millis(wait.max(0).cast_unsigned()));
            format!("try {} failed, next in {wait}", report.n)
        }
        ("failed", _) => format!("try {} failed, given up", report.n),
        ("archived", _) => "its webhook was archived".to_owned(),
        _ if report.n > 1 => format!("delivered at try {}", report.n),
        _ => "delivered".to_owned(),
    };
    // Of all events, since nobody knows which are yet to come.
    let widest = NAMES.iter().map(|name| name.len()).max().unwrap_or(0);
    format!(
        "{}  {:<widest$}  {answer:>11}  {:>6}  {after}  {}",
        Zoned::now().strftime("%H:%M:%S"),
        escape_for_terminal(&report.event),
        took(spent),
        escape_for_terminal(&report.url)
    )
}

/// What is said at the start.
struct Ready {
    address: SocketAddr,
    url: String,
    email: String,
    is_usual: bool,
    has_mfa: bool,
    data: Option<String>,
    scheme: &'static str,
    envelope: &'static str,
    retries: String,
    waits: usize,
    patience: Duration,
    strict: bool,
}

impl Ready {
    fn new(plan: &Plan, address: SocketAddr) -> Self {
        let options = &plan.options;
        let mut at = address;
        if at.ip().is_unspecified() {
            at.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
        }
        Self {
            address,
            url: format!("http://{at}"),
            email: options.email.clone(),
            is_usual: plan.is_usual,
            has_mfa: options.mfa.is_some(),
            data: plan.data.as_ref().map(|path| path.display().to_string()),
            scheme: options.scheme.name(),
            envelope: options.envelope.name(),
            retries: options.schedule.to_string(),
            waits: options.schedule.len(),
            patience: options.patience,
            strict: options.rules.strict_urls,
        }
    }

    fn say_json(&self) -> io::Result<()> {
        let object = json!({
            "type": "ready",
            "v": crate::wire::VERSION,
            "version": env!("CARGO_PKG_VERSION"),
            "url": self.url,
            "listen": self.address.to_string(),
            "email": self.email,
            "access_token": ACCESS_TOKEN,
            "account_id": ACCOUNT,
            "data": self.data,
            "scheme": self.scheme,
            "envelope": self.envelope,
            "retries": self.retries,
            "timeout_ms": u64::try_from(self.patience.as_millis()).unwrap_or(u64::MAX),
            "emulation": EMULATION,
            "pid": std::process::id(),
        });
        let mut out = io::stdout().lock();
        writeln!(out, "{object}")?;
        out.flush()
    }

    fn say(&self, (webhooks, deliveries): (i64, i64)) -> io::Result<()> {
        let mut out = io::stdout().lock();
        writeln!(out, "cmhook sandbox at {}", self.url)?;
        writeln!(out, "  This is {EMULATION}.")?;
        let password = if self.is_usual {
            format!("with the password `{PASSWORD}`")
        } else {
            "with the password that was set".to_owned()
        };
        let code = if self.has_mfa { " and a code" } else { "" };
        let email = escape_for_terminal(&self.email);
        writeln!(out, "  login    {email} {password}{code}")?;
        writeln!(out, "  token    {ACCESS_TOKEN}")?;
        let place = self.data.as_deref().unwrap_or("in memory only");
        writeln!(
            out,
            "  state    {}: {webhooks} active webhooks, {deliveries} deliveries",
            escape_for_terminal(place)
        )?;
        let retries = if self.waits == 0 {
            "none".to_owned()
        } else {
            format!("after {}", self.retries)
        };
        let patience = said(self.patience);
        writeln!(out, "  retries  {retries}; an app has {patience} to answer")?;
        if !self.strict {
            writeln!(
                out,
                "  URLs     http and this machine too, which the real one refuses (--strict-urls)"
            )?;
        }
        let url = &self.url;
        writeln!(
            out,
            "  try      cmhook listen --register --events 'email.*' --api {url}"
        )?;
        let api = if url == crate::cakemail::sandbox::API {
            String::new()
        } else {
            format!(" --api {url}")
        };
        writeln!(out, "           cmhook sandbox fire email.opened{api}")?;
        out.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stop_says_what_waits() {
        for (waiting, is_kept, said) in [
            (0, true, "no tries wait."),
            (1, true, "1 try waits and goes on"),
            (3, true, "3 tries wait and go on"),
            (1, false, "1 try that waited is gone"),
            (3, false, "3 tries that waited are gone"),
        ] {
            let line = stopped(waiting, is_kept);
            assert!(line.contains(said), "{line}");
        }
    }
}
