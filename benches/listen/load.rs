//! Load by wrk: signed deliveries as fast as they are answered.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use crate::SECRET;

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
pub fn run(load: &Load, port: u16, seconds: u32, folder: &Path) -> Result<Measured> {
    let body = body(load.body);
    let payload = folder.join(format!("payload-{}.json", load.body));
    fs::write(&payload, &body)?;
    let close = if load.keep_alive {
        ""
    } else {
        "wrk.headers[\"Connection\"] = \"close\"\n"
    };
    let script = format!(
        "wrk.method = \"POST\"\n\
         local file = io.open(\"{}\", \"rb\")\n\
         wrk.body = file:read(\"*a\")\n\
         file:close()\n\
         wrk.headers[\"Content-Type\"] = \"application/json\"\n\
         wrk.headers[\"X-Cakemail-Signature\"] = \"{}\"\n\
         {close}\
         function done(summary, latency, requests)\n\
           local e = summary.errors\n\
           io.write(string.format(\"RESULT %d %d %d %d %d\\n\", summary.requests, summary.duration,\n\
             latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))\n\
         end\n",
        payload.display(),
        signature(&body)?
    );
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
        .arg(format!("http://127.0.0.1:{port}/webhooks/cakemail"))
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
    if errors > 0.0 || requests == 0.0 {
        bail!("{errors} of {requests} requests failed:\n{text}");
    }
    Ok(Measured {
        requests,
        per_second: requests * 1e6 / duration,
        p50: p50 / 1e3,
        p99: p99 / 1e3,
        cpu: 0.0,
    })
}

/// The median of each figure.
pub fn median(runs: &[Measured]) -> Measured {
    let of = |figure: fn(&Measured) -> f64| middle(runs.iter().map(figure).collect());
    let requests = of(|m| m.requests);
    Measured {
        requests,
        per_second: of(|m| m.per_second),
        p50: of(|m| m.p50),
        p99: of(|m| m.p99),
        cpu: of(|m| m.cpu / m.requests) * requests,
    }
}

/// The median.
pub fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
