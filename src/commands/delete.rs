//! `cmhook delete`.

use std::io::Write as _;
use std::path::Path;

use super::Outcome;
use super::ask::{confirmed, deliveries};
use super::hand::Hand;
use super::select::{Needed, select};
use super::setup::{Setup, runtime};
use crate::cli::DeleteArgs;

pub(super) fn run(args: &DeleteArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |_| {})?;
    let Some(chosen) = select(&setup, &args.select, Needed::Named)? else {
        return Ok(Outcome::No);
    };
    let ids: Vec<u64> = chosen.iter().map(|kept| kept.delivery.id).collect();
    let question = match &ids[..] {
        [id] => format!("Delete delivery #{id}?"),
        ids => format!("Delete {}?", deliveries(ids.len())),
    };
    if !confirmed(args.yes, &question)? {
        return Ok(Outcome::No);
    }
    let gone = runtime()?.block_on(async {
        let hand = Hand::open(&setup).await?;
        let gone = hand.delete(&ids).await?;
        hand.close().await?;
        anyhow::Ok(gone)
    })?;
    writeln!(std::io::stderr(), "Deleted {}.", deliveries(gone.len()))?;
    Ok(Outcome::Fine)
}
