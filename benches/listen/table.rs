//! The tables, as they stand in `docs/performance.md`.

use std::fmt;
use std::fs;
use std::process::Command;

use crate::contender::{self, Kind};
use crate::load::Measured;

/// The head of the throughput table.
pub const HEAD: &str = "\
| load | contender | requests/s | to nginx's | target | | p50 ms | p99 ms | to nginx's | CPU µs each | to nginx's |
| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | ---: | ---: |";

/// One contender under one load.
pub struct Row {
    pub case: &'static str,
    pub kind: Kind,
    pub measured: Measured,
    pub nginx: Measured,
    pub target: Option<f64>,
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (one, nginx) = (&self.measured, &self.nginx);
        let share = one.per_second / nginx.per_second;
        let (target, verdict) = match self.target {
            Some(target) => (
                format!("≥ {target}"),
                if share >= target { "met" } else { "missed" },
            ),
            None => (String::new(), ""),
        };
        write!(
            f,
            "| {} | {} | {:.0} | {share:.2} | {target} | {verdict} | {:.2} | {:.2} | {:.2} |",
            self.case,
            self.kind.name(),
            one.per_second,
            one.p50,
            one.p99,
            one.p99 / nginx.p99,
        )?;
        match self.kind {
            Kind::Direct => write!(f, " | |"),
            _ => write!(
                f,
                " {:.0} | {:.2} |",
                one.cpu_each(),
                one.cpu_each() / nginx.cpu_each()
            ),
        }
    }
}

/// What it was measured on.
pub fn machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = read("/proc/cpuinfo");
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown processor", |line| {
            line.trim_start_matches([' ', '\t', ':'])
        });
    let version = |command: &mut Command| {
        command.output().map_or_else(
            |_| String::new(),
            |output| {
                let text = [output.stdout, output.stderr].concat();
                let text = String::from_utf8_lossy(&text).into_owned();
                let line = text.lines().next().unwrap_or_default();
                // wrk goes on with how it polls and who wrote it.
                line.split(" [")
                    .next()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            },
        )
    };
    let kernel = read("/proc/sys/kernel/osrelease");
    let nginx = contender::find("nginx")
        .map_or_else(String::new, |path| version(Command::new(path).arg("-v")));
    format!(
        "{cores} cores of {model}, Linux {}, {}, {}, {}",
        kernel.split(['-', '\n']).next().unwrap_or_default(),
        version(contender::cmhook().arg("--version")),
        nginx.trim_start_matches("nginx version: "),
        version(Command::new("wrk").arg("-v")),
    )
}
