//! `cmhook mark`.

use std::io::Write as _;
use std::path::Path;

use super::Outcome;
use super::ask::deliveries;
use super::hand::Hand;
use super::select::{Needed, select};
use super::setup::{Setup, runtime};
use crate::cli::MarkArgs;

pub(super) fn run(args: &MarkArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |_| {})?;
    let Some(chosen) = select(&setup, &args.select, Needed::Named)? else {
        return Ok(Outcome::No);
    };
    let ids: Vec<u64> = chosen.iter().map(|kept| kept.delivery.id).collect();
    runtime()?.block_on(async {
        let hand = Hand::open(&setup).await?;
        hand.mark(&ids, !args.remove).await?;
        hand.close().await
    })?;
    let what = if args.remove {
        "Took the mark off"
    } else {
        "Marked"
    };
    writeln!(std::io::stderr(), "{what} {}.", deliveries(ids.len()))?;
    Ok(Outcome::Fine)
}
