//! What commands on a relay's tokens and names share.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::super::Outcome;
use super::super::json_output::JsonOutput;
use super::super::setup::{Setup, color};
use super::super::table::{Cell, Column, write_all};
use crate::cli::{RelayDataArgs, RelayListArgs, StoreArgs};
use crate::config::{self, Color};
use crate::lines::coloured;
use crate::relay::data::{DataError, open_book};
use crate::relay::names::Names;
use crate::relay::tokens::Tokens;

/// The data folder that is meant: what a flag says, or one in the user's own.
pub(super) fn folder(named: Option<&Path>) -> PathBuf {
    let usual = || config::user_data_folder().map(|folder| folder.join("relay"));
    let named = named.filter(|path| !path.as_os_str().is_empty());
    let folder = named.map(Path::to_owned).or_else(usual);
    folder.unwrap_or_else(|| "relay-data".into())
}

/// What is kept there.
///
/// # Errors
/// Where there is nothing, unless it is to be made, or it cannot be used.
pub(super) fn open(args: &RelayDataArgs, make: bool) -> Result<(Tokens, Names), DataError> {
    open_book(&folder(args.data.as_deref()), make)
}

/// Writes an object, for programs.
///
/// # Errors
/// Those of standard output.
pub(super) fn say_json(object: &impl Serialize) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer(&mut out, object)?;
    writeln!(out)?;
    Ok(())
}

/// A list as it is written.
pub(super) struct List<'a, T> {
    pub(super) items: &'a [T],
    pub(super) columns: &'a [Column],
    /// What each is called in JSON.
    pub(super) fields: &'a [&'static str],
    /// The cells of one; times for people where there is a `now`.
    pub(super) row: fn(&T, Option<&Zoned>) -> Vec<Cell>,
    /// What to say where there are none.
    pub(super) none: &'a str,
}

impl<T: Serialize> List<'_, T> {
    /// Writes it as the flags want it.
    ///
    /// # Errors
    /// At a flag that cannot be, and those of standard output.
    pub(super) fn write(
        &self,
        args: &RelayListArgs,
        config: Option<&Path>,
    ) -> anyhow::Result<Outcome> {
        let store = StoreArgs { store: None };
        let setup = Setup::read(config, &store, |raw| {
            raw.color = args.color.color.map(color);
        })?;
        let paint = setup.settings.output.color;
        if args.json.wanted() {
            let output = JsonOutput::new(&args.json, self.fields, paint)?;
            output.write_all(self.items)?;
        } else if self.items.is_empty() {
            writeln!(io::stderr(), "{}", self.none)?;
        } else {
            self.write_table(paint)?;
        }
        Ok(if self.items.is_empty() {
            Outcome::No
        } else {
            Outcome::Fine
        })
    }

    fn write_table(&self, paint: Color) -> io::Result<()> {
        let terminal = io::stdout().is_terminal();
        let colour = coloured(paint, terminal);
        let now = terminal.then(Zoned::now);
        let rows = self.items.iter().map(|item| (self.row)(item, now.as_ref()));
        let rows: Vec<_> = rows.collect();
        write_all(self.columns.to_vec(), &rows, colour)
    }
}

/// A time in a list.
pub(super) fn time(at: Timestamp, now: Option<&Zoned>) -> String {
    match now {
        None => format!("{at:.0}"),
        Some(now) => {
            let at = at.to_zoned(now.time_zone().clone());
            at.strftime("%Y-%m-%d %H:%M").to_string()
        }
    }
}
