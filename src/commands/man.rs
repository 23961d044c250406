//! `cmhook man`.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;

use crate::cli::Cli;
use crate::config::ConfigError;

pub(super) fn run(command: Option<&str>, out: Option<&Path>) -> anyhow::Result<()> {
    let mut root = Cli::command();
    root.build();
    if let Some(folder) = out {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder `{}`", folder.display()))?;
        return clap_mangen::generate_to(root, folder)
            .with_context(|| format!("cannot write manual pages into `{}`", folder.display()));
    }
    let page = match command {
        None => root,
        Some(name) => match root.find_subcommand(name) {
            Some(found) => found.clone(),
            None => {
                return Err(ConfigError {
                    message: format!("there is no command `{}`", name.escape_debug()),
                    hint: "`cmhook --help` lists them".into(),
                }
                .into());
            }
        },
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page).render(&mut text)?;
    let mut stdout = std::io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()?;
    Ok(())
}
