//! Memory before and after 50,000 deliveries, and the time from start to listening with an
//! empty and a full journal.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use crate::contender::{Contender, Kind, listen};
use crate::support::load::{self, Load, middle};

const DELIVERIES: f64 = 50_000.0;
const STARTS: usize = 15;

/// Prints the table.
pub fn run(upstream: u16, folder: &Path) -> Result<()> {
    let store = folder.join("start.db");
    println!("| | measured | target | |");
    println!("| --- | ---: | ---: | --- |");

    row(
        "start to listening, empty journal, ms",
        starts(&store, true)?,
        20.0,
    );

    let contender = Contender::start(Kind::Forward, upstream, folder)?;
    row("memory, idle, MB", contender.memory()?, 15.0);
    let load = Load {
        connections: 16,
        keep_alive: true,
        body: 1024,
    };
    let mut sent = 0.0;
    while sent < DELIVERIES {
        sent += load::run(&load, &contender.door(), 1, folder)?.requests;
    }
    row(
        &format!("memory after {sent:.0} deliveries of 1 KiB, MB"),
        contender.memory()?,
        64.0,
    );
    drop(contender);

    let full = folder.join("bench.db");
    row(
        "start to listening, full journal, ms",
        starts(&full, false)?,
        50.0,
    );
    Ok(())
}

fn row(name: &str, value: f64, target: f64) {
    let verdict = if value <= target { "met" } else { "missed" };
    println!("| {name} | {value:.1} | ≤ {target} | {verdict} |");
}

/// The median of several starts, in milliseconds.
fn starts(store: &Path, fresh: bool) -> Result<f64> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        if fresh {
            let _ = fs::remove_file(store);
        }
        let begin = Instant::now();
        let contender = listen(Some(9), store)?;
        times.push(begin.elapsed().as_secs_f64() * 1e3);
        drop(contender);
    }
    Ok(middle(times))
}
