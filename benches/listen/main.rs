//! Measures `cmhook listen` against nginx as a plain reverse proxy to the same upstream.
//!
//! Real processes on loopback, all in one run, taking turns, so that a machine whose speed
//! drifts drifts for all of them: the upstream alone, nginx in front of it, cmhook in front
//! of it with everything on, and cmhook capturing without a target. Prints medians and
//! ratios as the tables of `docs/performance.md`.
//!
//!     cargo bench --bench listen -- [--quick] [--rounds N] [--seconds N] [--only NAME]
//!
//! Wants `wrk` and `nginx` (Debian: `apt-get install wrk nginx-light`).

mod contender;
mod page;
mod screen;
mod start;
mod steady;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};

use contender::{Contender, Kind};
use support::load::{self, Load, Measured};
use support::options::Options;
use support::{machine, process, upstream};
use table::Row;

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

/// One load for all contenders.
struct Case {
    name: &'static str,
    load: Load,
    /// The least share of nginx's requests a second, forwarding and capturing only.
    forward: Option<f64>,
    capture: Option<f64>,
}

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

const fn case(
    name: &'static str,
    connections: u32,
    keep_alive: bool,
    body: usize,
    forward: Option<f64>,
    capture: Option<f64>,
) -> Case {
    Case {
        name,
        load: Load {
            connections,
            keep_alive,
            body,
        },
        forward,
        capture,
    }
}

// Bodies of 20 MiB stop at 4 connections: more of them at once are over the memory that
// cmhook gives to bodies under way, and it answers 503 by design.
const CASES: &[Case] = &[
    case("1 KiB, 1 connection", 1, true, KIB, Some(0.8), None),
    case("1 KiB, 16 connections", 16, true, KIB, Some(0.6), None),
    case("1 KiB, 64 connections", 64, true, KIB, Some(0.6), Some(0.8)),
    case("1 KiB, 1, new connection each", 1, false, KIB, None, None),
    case(
        "1 KiB, 16, new connection each",
        16,
        false,
        KIB,
        Some(0.75),
        None,
    ),
    case("1 KiB, 64, new connection each", 64, false, KIB, None, None),
    case("1 MiB, 1 connection", 1, true, MIB, None, None),
    case("1 MiB, 16 connections", 16, true, MIB, None, None),
    case("1 MiB, 64 connections", 64, true, MIB, None, None),
    case("1 MiB, 16, new connection each", 16, false, MIB, None, None),
    case("20 MiB, 1 connection", 1, true, 20 * MIB, None, None),
    case("20 MiB, 4 connections", 4, true, 20 * MIB, None, None),
];

fn run(options: &Options) -> Result<()> {
    for (program, package) in [("wrk", "wrk"), ("nginx", "nginx-light")] {
        if process::find(program).is_none() {
            bail!("the benchmark needs {program}: apt-get install {package}");
        }
    }
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let upstream = upstream::start(folder.path())?;
    println!("{}", machine::machine());
    println!();
    println!("{}", table::HEAD);
    for case in CASES.iter().filter(|case| options.wants(case.name)) {
        let rows = throughput(case, options, upstream.port, folder.path())?;
        for row in rows {
            println!("{row}");
        }
    }
    if options.wants("steady") {
        println!();
        steady::run(
            options.rounds,
            options.seconds,
            upstream.port,
            folder.path(),
        )?;
    }
    if options.wants("screen") {
        println!();
        screen::run(
            options.rounds,
            options.seconds,
            upstream.port,
            folder.path(),
        )?;
    }
    if options.wants("memory") || options.wants("start") {
        println!();
        start::run(upstream.port, folder.path())?;
    }
    Ok(())
}

/// Each contender in turn, round after round.
fn throughput(
    case: &Case,
    options: &Options,
    upstream: u16,
    folder: &std::path::Path,
) -> Result<Vec<Row>> {
    let kinds = [Kind::Direct, Kind::Nginx, Kind::Forward, Kind::Capture];
    let mut measured: Vec<Vec<Measured>> = kinds.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        for (at, kind) in kinds.iter().enumerate() {
            let contender = Contender::start(*kind, upstream, folder)
                .with_context(|| format!("{kind:?} in round {round}"))?;
            // Connections are made and caches filled before anything counts.
            load::run(&case.load, &contender.door(), 1, folder)?;
            let before = contender.cpu_seconds();
            let mut one = load::run(&case.load, &contender.door(), options.seconds, folder)?;
            one.cpu = contender.cpu_seconds() - before;
            measured[at].push(one);
        }
    }
    let medians: Vec<Measured> = measured.iter().map(|runs| load::median(runs)).collect();
    Ok(kinds
        .iter()
        .zip(&medians)
        .map(|(kind, one)| Row {
            case: case.name,
            kind: *kind,
            measured: *one,
            nginx: medians[1],
            target: match kind {
                Kind::Forward => case.forward,
                Kind::Capture => case.capture,
                Kind::Direct | Kind::Nginx => None,
            },
        })
        .collect())
}
