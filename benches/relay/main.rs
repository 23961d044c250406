//! Measures `cmhook relay serve` and its agent against other tunnels, and against nginx as a
//! plain reverse proxy to the same upstream.
//!
//! Real processes on loopback, all in one run, taking turns within each round, so that a
//! machine whose speed drifts drifts for all of them. Prints medians, ratios and targets as
//! the tables of `docs/performance.md`.
//!
//!     cargo bench --bench relay -- [--quick] [--rounds N] [--seconds N] [--only NAME]
//!
//! Wants `wrk` and `nginx` (Debian: `apt-get install wrk nginx-light`). The other tunnels are
//! left out where they are not there, with a line that says how to get them.

mod agents;
mod contender;
mod isolation;
mod localtunnel;
mod steady;
#[path = "../support/mod.rs"]
mod support;
mod table;
mod throughput;

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context as _, Result, bail};

use contender::Kind;
use support::options::Options;
use support::{machine, process, upstream};

fn main() -> ExitCode {
    if std::env::args().nth(1).as_deref() == Some(upstream::ARGUMENT) {
        return upstream::serve();
    }
    let result =
        Options::read().and_then(|options| options.map_or(Ok(()), |options| run(&options)));
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<()> {
    for (program, package) in [("wrk", "wrk"), ("nginx", "nginx-light")] {
        if process::find(program).is_none() {
            bail!("the benchmark needs {program}: apt-get install {package}");
        }
    }
    let (kinds, missing): (Vec<Kind>, Vec<Kind>) =
        Kind::ALL.iter().partition(|kind| kind.lacks().is_none());
    println!("{}", versions(&kinds));
    for kind in missing {
        let why = kind.lacks().unwrap_or_default();
        println!("\n{} is left out: {why}", kind.name());
    }
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let folder = folder.path();
    let upstream = upstream::start(folder)?;
    let failed = throughput::run(&kinds, options, upstream.port, folder)?;
    if options.wants("steady") {
        println!();
        steady::run(&kinds, options, upstream.port, folder)?;
    }
    if options.wants("agents") {
        println!();
        agents::run(folder)?;
    }
    if options.wants("saturated") {
        println!();
        isolation::saturated(options, upstream.port, folder)?;
    }
    if options.wants("upload") {
        println!();
        isolation::upload(options, upstream.port, folder)?;
    }
    if failed > 0.0 {
        bail!("{failed} requests through cmhook failed");
    }
    Ok(())
}

fn versions(kinds: &[Kind]) -> String {
    let mut all = vec![machine::machine()];
    for kind in kinds {
        let name = kind.name();
        all.extend(match kind {
            Kind::Bore => contender::program(name)
                .map(|path| machine::version(Command::new(path).arg("--version"))),
            Kind::Rathole => contender::program(name).map(|path| rathole(&path)),
            Kind::Localtunnel => Some(localtunnel::version()),
            _ => None,
        });
    }
    all.join(", ")
}

/// rathole tells its release after its name and when it was built.
fn rathole(path: &Path) -> String {
    let said = Command::new(path).arg("--version").output();
    let said = said.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let said = said.unwrap_or_default();
    let release = said
        .lines()
        .find_map(|line| line.strip_prefix("Build Version:"));
    format!("rathole {}", release.unwrap_or_default().trim())
}
