//! `cmhook clear`.

use std::io::Write as _;
use std::path::Path;

use super::Outcome;
use super::ask::{confirmed, deliveries};
use super::hand::Hand;
use super::setup::{Setup, runtime};
use crate::cli::ClearArgs;

pub(super) fn run(args: &ClearArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |_| {})?;
    let count = setup.kept()?.len();
    if count == 0 {
        writeln!(std::io::stderr(), "The store is empty already.")?;
        return Ok(Outcome::Fine);
    }
    let path = setup.store()?.display().to_string();
    let question = format!(
        "Delete all {} in `{}`?",
        deliveries(count),
        crate::delivery::escape_for_terminal(&path)
    );
    if !confirmed(args.yes, &question)? {
        return Ok(Outcome::No);
    }
    let gone = runtime()?.block_on(async {
        let hand = Hand::open(&setup).await?;
        let gone = hand.clear().await?;
        hand.close().await?;
        anyhow::Ok(gone)
    })?;
    writeln!(std::io::stderr(), "Deleted {}.", deliveries(gone))?;
    Ok(Outcome::Fine)
}
