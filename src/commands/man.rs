//! `cmhook man`.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::{Command, CommandFactory as _};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use crate::cli::Cli;
use crate::config::ConfigError;

pub(super) fn run(command: Option<&str>, out: Option<&Path>) -> anyhow::Result<()> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = out {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot create the folder `{}`", folder.display()))?;
        let pages = std::iter::once(&root).chain(root.get_subcommands());
        for page in pages {
            let path = folder.join(format!("{}.1", name_of(page)));
            let mut text = Vec::new();
            write_page(page, &mut text)?;
            fs::write(&path, text)
                .with_context(|| format!("cannot write the manual page `{}`", path.display()))?;
        }
        return Ok(());
    }
    let page = match command {
        None => &root,
        Some(name) => root.find_subcommand(name).ok_or_else(|| ConfigError {
            message: format!("there is no command `{}`", name.escape_debug()),
            hint: "`cmhook --help` lists them".into(),
        })?,
    };
    let mut text = Vec::new();
    write_page(page, &mut text)?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&text)?;
    stdout.flush()?;
    Ok(())
}

/// `cmhook-listen` for `cmhook listen`.
fn name_of(command: &Command) -> &str {
    command
        .get_display_name()
        .unwrap_or_else(|| command.get_name())
}

/// Writes a page. What stands under a command's help is set line by line, as it is there:
/// the generator would make one paragraph of it.
fn write_page(command: &Command, out: &mut impl Write) -> io::Result<()> {
    let below = command.get_after_help().map(ToString::to_string);
    // Only the root has a version of its own.
    let source = concat!("cmhook ", env!("CARGO_PKG_VERSION"));
    let man = Man::new(command.clone().after_help("")).source(source);
    man.render_title(out)?;
    man.render_name_section(out)?;
    man.render_synopsis_section(out)?;
    man.render_description_section(out)?;
    if command.get_arguments().next().is_some() {
        man.render_options_section(out)?;
    }
    if command.has_subcommands() {
        man.render_subcommands_section(out)?;
    }
    if let Some(below) = below {
        let mut roff = Roff::new();
        roff.control("SH", ["NOTES"]).control("nf", []);
        for line in below.lines() {
            roff.text([roman(line)]);
        }
        roff.control("fi", []);
        roff.to_writer(out)?;
    }
    if command.get_version().is_some() {
        man.render_version_section(out)?;
    }
    Ok(())
}
