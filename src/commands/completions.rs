//! `cmhook completions`.

use std::io::Write as _;

use clap::CommandFactory as _;

use crate::cli::Cli;

pub(super) fn run(shell: clap_complete::Shell) -> anyhow::Result<()> {
    // Into memory first: the generator panics where standard output is closed.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "cmhook", &mut script);
    let mut out = std::io::stdout().lock();
    out.write_all(&script)?;
    out.flush()?;
    Ok(())
}
