//! As many deliveries as go through, small ones and large ones.

use std::path::Path;

use anyhow::Result;

use crate::contender::{Contender, Kind};
use crate::support::load::{self, Load, Measured};
use crate::support::options::Options;
use crate::table::{Against, Target, show};

const KIB: usize = 1 << 10;
const MIB: usize = 1 << 20;

/// One load for all contenders.
struct Case {
    name: &'static str,
    load: Load,
    targets: &'static [Target],
}

const fn case(
    name: &'static str,
    connections: u32,
    keep_alive: bool,
    body: usize,
    targets: &'static [Target],
) -> Case {
    Case {
        name,
        load: Load {
            connections,
            keep_alive,
            body,
        },
        targets,
    }
}

/// What only copies bytes opens a connection through the tunnel for each of a sender, and has
/// nothing else to do for a request on one that is open.
const KEPT: Target = Target::new(Kind::Cmhook, Against::Copiers, 0.5);
const HTTP: Target = Target::new(Kind::Cmhook, Against::One(Kind::Localtunnel), 3.0);
const ALONE: Target = Target::new(Kind::Bare, Against::One(Kind::Nginx), 0.5);
const NEW: Target = Target::new(Kind::Cmhook, Against::Copiers, 1.5);

const SMALL: &[Case] = &[
    case("1 KiB, 1 connection", 1, true, KIB, &[]),
    case("1 KiB, 16 connections", 16, true, KIB, &[KEPT, HTTP]),
    case("1 KiB, 64 connections", 64, true, KIB, &[KEPT, HTTP, ALONE]),
    case("1 KiB, 1, new connection each", 1, false, KIB, &[]),
    case("1 KiB, 16, new connection each", 16, false, KIB, &[NEW]),
    case("1 KiB, 64, new connection each", 64, false, KIB, &[]),
];

const LARGE: &[Case] = &[
    case("1 MiB, 1 connection", 1, true, MIB, &[]),
    case("1 MiB, 16 connections", 16, true, MIB, &[]),
    case("20 MiB, 1 connection", 1, true, 20 * MIB, &[]),
];

/// Prints the tables; the requests through cmhook that failed.
pub fn run(kinds: &[Kind], options: &Options, upstream: u16, folder: &Path) -> Result<f64> {
    let mut failed = 0.0;
    for (cases, head, line) in [
        (SMALL, SMALL_HEAD, small as fn(&Row) -> String),
        (LARGE, LARGE_HEAD, large),
    ] {
        let cases = cases.iter().filter(|case| options.wants(case.name));
        for (at, case) in cases.enumerate() {
            if at == 0 {
                println!("\n{head}");
            }
            let medians = measure(case, kinds, options, upstream, folder)?;
            for (kind, one) in &medians {
                failed += if kind.is_ours() { one.errors } else { 0.0 };
                println!(
                    "{}",
                    line(&Row {
                        case,
                        kind: *kind,
                        one,
                        all: &medians
                    })
                );
            }
        }
    }
    Ok(failed)
}

/// Each contender in turn, round after round.
fn measure(
    case: &Case,
    kinds: &[Kind],
    options: &Options,
    upstream: u16,
    folder: &Path,
) -> Result<Vec<(Kind, Measured)>> {
    let mut measured: Vec<Vec<Measured>> = kinds.iter().map(|_| Vec::new()).collect();
    for round in 0..options.rounds {
        for turn in 0..kinds.len() {
            // Whoever comes later finds a warmer machine.
            let at = (round + turn) % kinds.len();
            let one = one_turn(case, kinds[at], options.seconds, upstream, folder);
            measured[at].extend(kinds[at].turn(one)?);
        }
    }
    let medians = measured.iter().map(|runs| load::median(runs));
    Ok(kinds.iter().copied().zip(medians).collect())
}

fn one_turn(
    case: &Case,
    kind: Kind,
    seconds: u32,
    upstream: u16,
    folder: &Path,
) -> Result<Measured> {
    let contender = Contender::start(kind, upstream, folder)?;
    // Connections are made and caches filled before anything counts.
    load::measure(&case.load, &contender.door, 1, folder)?;
    let before = contender.cpu_seconds();
    let one = load::measure(&case.load, &contender.door, seconds, folder)?;
    let cpu = contender.cpu_seconds() - before;
    Ok(Measured { cpu, ..one })
}

struct Row<'a> {
    case: &'a Case,
    kind: Kind,
    one: &'a Measured,
    all: &'a [(Kind, Measured)],
}

const SMALL_HEAD: &str = "\
| load | contender | requests/s | p50 ms | p99 ms | CPU s per 10,000 | errors | target | |
| --- | --- | ---: | ---: | ---: | ---: | ---: | --- | --- |";

fn small(row: &Row) -> String {
    let one = row.one;
    let cpu = match row.kind {
        Kind::Direct => String::new(),
        _ => format!("{:.2}", one.cpu_each() / 100.0),
    };
    let targets = row.case.targets.iter();
    let targets = targets.filter(|target| target.of == row.kind);
    let judged: Vec<(String, &str)> = targets.filter_map(|target| target.judge(row.all)).collect();
    format!(
        "| {} | {} | {:.0} | {:.2} | {:.2} | {cpu} | {:.0} | {} |",
        row.case.name,
        row.kind.name(),
        one.per_second,
        one.p50,
        one.p99,
        one.errors,
        show(&judged),
    )
}

const LARGE_HEAD: &str = "\
| load | contender | MB/s | p50 ms | p99 ms | CPU ms each | errors |
| --- | --- | ---: | ---: | ---: | ---: | ---: |";

fn large(row: &Row) -> String {
    let one = row.one;
    let cpu = match row.kind {
        Kind::Direct => String::new(),
        _ => format!("{:.1}", one.cpu_each() / 1e3),
    };
    #[expect(
        clippy::cast_precision_loss,
        reason = "a body is no longer than 20 MiB"
    )]
    let megabytes = row.case.load.body as f64 / 1e6;
    format!(
        "| {} | {} | {:.0} | {:.1} | {:.1} | {cpu} | {:.0} |",
        row.case.name,
        row.kind.name(),
        one.per_second * megabytes,
        one.p50,
        one.p99,
        one.errors,
    )
}
