//! What a delivery waits longer because of a tunnel, at a pace that nobody is troubled by.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::contender::{Contender, Kind};
use crate::support::load::{middle, percentile};
use crate::support::options::Options;
use crate::support::pace::latencies;
use crate::table::verdict;

const PER_SECOND: u32 = 200;
/// The most that cmhook adds to the median, in what bore adds.
const MOST: f64 = 2.0;

/// Prints the table.
pub fn run(kinds: &[Kind], options: &Options, upstream: u16, folder: &Path) -> Result<()> {
    let mut p50s: Vec<Vec<f64>> = kinds.iter().map(|_| Vec::new()).collect();
    let mut p99s = p50s.clone();
    for round in 0..options.rounds {
        for turn in 0..kinds.len() {
            let at = (round + turn) % kinds.len();
            let all = one_turn(kinds[at], options.seconds, upstream, folder);
            let Some(all) = kinds[at].turn(all)? else {
                continue;
            };
            p50s[at].push(middle(all.clone()));
            p99s[at].push(percentile(all, 99));
        }
    }
    let of = |kind: Kind| {
        let at = kinds.iter().position(|other| *other == kind)?;
        Some((middle(p50s[at].clone()), middle(p99s[at].clone())))
    };
    let (direct50, direct99) = of(Kind::Direct).context("the upstream alone")?;
    let bore = of(Kind::Bore).map(|(p50, _)| p50 - direct50);
    println!(
        "| {PER_SECOND} a second, 1 KiB | p50 ms | added ms | p99 ms | added ms | to bore's p50 | target | |"
    );
    println!("| --- | ---: | ---: | ---: | ---: | ---: | --- | --- |");
    for kind in kinds {
        let Some((p50, p99)) = of(*kind) else {
            continue;
        };
        if *kind == Kind::Direct {
            println!("| {} | {p50:.3} | | {p99:.3} | | | | |", kind.name());
            continue;
        }
        let added = p50 - direct50;
        let ratio = bore.map(|bore| added / bore);
        let judged = match ratio {
            Some(ratio) if *kind == Kind::Cmhook => {
                format!("≤ {MOST} | {}", verdict(ratio <= MOST))
            }
            _ => " | ".to_owned(),
        };
        println!(
            "| {} | {p50:.3} | {added:.3} | {p99:.3} | {:.3} | {} | {judged} |",
            kind.name(),
            p99 - direct99,
            ratio.map_or_else(String::new, |ratio| format!("{ratio:.2}")),
        );
    }
    Ok(())
}

fn one_turn(kind: Kind, seconds: u32, upstream: u16, folder: &Path) -> Result<Vec<f64>> {
    let contender = Contender::start(kind, upstream, folder)?;
    // Connections are made before anything counts.
    latencies(&contender.door, PER_SECOND, 1)?;
    latencies(&contender.door, PER_SECOND, seconds)
}
