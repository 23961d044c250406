//! Load by wrk: signed deliveries as fast as they are answered.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::SECRET;

/// Where a contender takes deliveries.
#[derive(Debug, Clone)]
pub struct Door {
    pub port: u16,
    /// What goes before the path of a delivery: `/t/NAME`, or nothing.
    pub prefix: String,
    /// The host that is asked for, where the address alone does not say it.
    pub host: Option<String>,
}

impl Door {
    /// One that takes everything that comes to a port.
    pub fn at(port: u16) -> Self {
        Self {
            port,
            prefix: String::new(),
            host: None,
        }
    }

    pub fn path(&self) -> String {
        format!("{}/webhooks/cakemail", self.prefix)
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}{}", self.port, self.path())
    }

    pub fn host(&self) -> String {
        let host = self.host.clone();
        host.unwrap_or_else(|| format!("127.0.0.1:{}", self.port))
    }
}

/// What to send and over how many connections.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    pub connections: u32,
    pub keep_alive: bool,
    pub body: usize,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    pub requests: f64,
    pub per_second: f64,
    /// Milliseconds.
    pub p50: f64,
    pub p99: f64,
    /// Answers but 2xx, broken connections and time-outs.
    pub errors: f64,
    /// Processor seconds of the contender.
    pub cpu: f64,
}

impl Measured {
    /// Microseconds of processor time for a request.
    pub fn cpu_each(&self) -> f64 {
        self.cpu * 1e6 / self.requests
    }
}

/// A payload of that size, as Cakemail would send one.
pub fn body(size: usize) -> String {
    let head = r#"{"event":"email.opened","timestamp":"2026-11-24T10:32:07Z","data":{"email":"user@example.com","pad":""#;
    let tail = r#""}}"#;
    let pad = size.saturating_sub(head.len() + tail.len());
    format!("{head}{}{tail}", "x".repeat(pad))
}

/// The value of `X-Cakemail-Signature` for it.
pub fn signature(body: &str) -> Result<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes())?;
    mac.update(body.as_bytes());
    Ok(hex::encode(mac.finalize().into_bytes()))
}

/// Sends for so many seconds. Any answer but 2xx and any broken connection is an error.
pub fn run(load: &Load, door: &Door, seconds: u32, folder: &Path) -> Result<Measured> {
    let measured = measure(load, door, seconds, folder)?;
    let Measured {
        requests, errors, ..
    } = measured;
    if errors > 0.0 || requests == 0.0 {
        bail!("{errors} of {requests} requests failed");
    }
    Ok(measured)
}

/// What wrk is told.
fn script(load: &Load, door: &Door, folder: &Path) -> Result<String> {
    let body = body(load.body);
    let payload = folder.join(format!("payload-{}.json", load.body));
    fs::write(&payload, &body)?;
    let close = if load.keep_alive {
        ""
    } else {
        "wrk.headers[\"Connection\"] = \"close\"\n"
    };
    let host = match &door.host {
        Some(host) => format!("wrk.headers[\"Host\"] = \"{host}\"\n"),
        None => String::new(),
    };
    Ok(format!(
        "wrk.method = \"POST\"\n\
         local file = io.open(\"{}\", \"rb\")\n\
         wrk.body = file:read(\"*a\")\n\
         file:close()\n\
         wrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"X-Cakemail-Signature\"] = \"{}\"\n\
         {close}{host}\
         function done(summary, latency, requests)\n\
           local e = summary.errors\n\
           io.write(string.format(\"RESULT %d %d %d %d %d\\n\", summary.requests, summary.duration,\n\
             latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))\n\
         end\n",
        payload.display(),
        signature(&body)?
    ))
}

/// Sends for so many seconds and counts what goes wrong.
pub fn measure(load: &Load, door: &Door, seconds: u32, folder: &Path) -> Result<Measured> {
    let script = script(load, door, folder)?;
    let file = folder.join("load.lua");
    fs::write(&file, script)?;
    let output = Command::new("wrk")
        .args([
            "-t1",
            &format!("-c{}", load.connections),
            "--timeout",
            "30s",
        ])
        .arg(format!("-d{seconds}s"))
        .arg("-s")
        .arg(&file)
        .arg(door.url())
        .output()
        .context("cannot run wrk")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let numbers: Vec<f64> = text
        .lines()
        .find_map(|line| line.strip_prefix("RESULT "))
        .with_context(|| format!("wrk says {text}"))?
        .split(' ')
        .filter_map(|n| n.parse().ok())
        .collect();
    let [requests, duration, p50, p99, errors] = numbers[..] else {
        bail!("wrk says {text}");
    };
    Ok(Measured {
        requests,
        per_second: requests * 1e6 / duration,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        errors,
        cpu: 0.0,
    })
}

/// The median of each figure, and all errors.
pub fn median(runs: &[Measured]) -> Measured {
    let of = |figure: fn(&Measured) -> f64| middle(runs.iter().map(figure).collect());
    let requests = of(|m| m.requests);
    Measured {
        requests,
        per_second: of(|m| m.per_second),
        p50: of(|m| m.p50),
        p99: of(|m| m.p99),
        errors: runs.iter().map(|m| m.errors).sum(),
        cpu: of(|m| m.cpu / m.requests) * requests,
    }
}

/// The median.
pub fn middle(values: Vec<f64>) -> f64 {
    percentile(values, 50)
}

/// The value that so many of a hundred do not exceed.
pub fn percentile(mut values: Vec<f64>, percent: usize) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = values.len() * percent / 100;
    values.get(at).copied().unwrap_or(f64::NAN)
}
