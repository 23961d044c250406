//! What a delivery waits longer because of what stands in front of the app, at a pace that
//! nobody is troubled by.

use std::path::Path;

use anyhow::Result;

use crate::contender::{Contender, Kind};
use crate::support::load::middle;
use crate::support::pace::latencies;

const PER_SECOND: u32 = 200;

/// Prints the table.
pub fn run(rounds: usize, seconds: u32, upstream: u16, folder: &Path) -> Result<()> {
    let kinds = [Kind::Direct, Kind::Nginx, Kind::Forward];
    let mut medians: Vec<Vec<f64>> = kinds.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for (at, kind) in kinds.iter().enumerate() {
            let contender = Contender::start(*kind, upstream, folder)?;
            medians[at].push(middle(latencies(&contender.door(), PER_SECOND, seconds)?));
        }
    }
    let [direct, nginx, cmhook] = [0, 1, 2].map(|at| middle(medians[at].clone()));
    let ratio = (cmhook - direct) / (nginx - direct);
    println!("| {PER_SECOND} a second, 1 KiB | p50 ms | added ms | to nginx's | target | |");
    println!("| --- | ---: | ---: | ---: | ---: | --- |");
    println!("| upstream alone | {direct:.3} | | | | |");
    println!("| nginx | {nginx:.3} | {:.3} | 1.00 | | |", nginx - direct);
    let verdict = if ratio <= 3.0 { "met" } else { "missed" };
    println!(
        "| cmhook | {cmhook:.3} | {:.3} | {ratio:.2} | ≤ 3 | {verdict} |",
        cmhook - direct
    );
    Ok(())
}
