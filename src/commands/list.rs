//! `cmhook list`.

use std::collections::HashMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use jiff::{Timestamp, Zoned};

use super::Outcome;
use super::json_output::{DELIVERY_FIELDS, JsonOutput};
use super::reader_left::reader_left;
use super::select::{filter, say_no_match};
use super::setup::{Setup, color};
use super::table::{Cell, Table, terminal_width, write_tabbed};
use super::table_of::{columns, row, values};
use crate::cli::ListArgs;
use crate::config::{Color, ConfigError};
use crate::delivery::Kept;
use crate::filter::{Duplicates, Filter, time};
use crate::lines::coloured;
use crate::store::{Limits, Readable, Reader};
use crate::wire::Object;

/// How many are listed where nothing is said: two screens full.
const LIMIT: usize = 50;

/// How often a followed store is looked at; it costs a read of one page.
const LOOK: Duration = Duration::from_millis(100);

pub(super) fn run(args: &ListArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        raw.color = args.color.color.map(color);
    })?;
    let now = Zoned::now();
    let mut face = Face::new(args, setup.settings.output.color)?;
    let mut wanted = Wanted {
        filter: args.filter.as_deref().map(filter).transpose()?,
        since: args
            .since
            .as_deref()
            .map(|text| since(text, &now))
            .transpose()?,
        duplicates: Duplicates::default(),
    };
    let reader = setup.reader()?;
    // Before the deliveries, so that what comes in between is listed again and not missed.
    let mut tried = if args.follow {
        reader.newest_attempts()?
    } else {
        HashMap::new()
    };
    let limit = match args.limit {
        None => LIMIT,
        Some(0) => usize::MAX,
        Some(limit) => limit,
    };
    let found = wanted.newest(&reader, limit)?;
    say_damaged(found.damaged);
    face.list(&found.kept, args.follow)?;
    if args.limit.is_none() && found.more {
        writeln!(
            io::stderr(),
            "These are the newest {LIMIT}; `--limit 0` lists all, `--limit N` more."
        )?;
    }
    if args.follow {
        for kept in &found.kept {
            tried.insert(kept.delivery.id, newest_attempt(kept));
        }
        return follow(&reader, &mut wanted, &mut face, found.last, tried);
    }
    if found.kept.is_empty() {
        if found.last == 0 {
            writeln!(io::stderr(), "No deliveries are kept yet.")?;
        } else {
            say_no_match(wanted.filter.as_ref())?;
        }
        return Ok(Outcome::No);
    }
    Ok(Outcome::Fine)
}

fn since(text: &str, now: &Zoned) -> Result<Timestamp, ConfigError> {
    time(text, now).ok_or_else(|| ConfigError {
        message: format!("`--since {}` is no time", text.escape_debug()),
        hint: "write `10m` or `2h` (ago), `2026-11-24`, `2026-11-24T10:00`, `10:30` or `today`"
            .into(),
    })
}

fn say_damaged(count: u64) {
    if count > 0 {
        let _ = writeln!(
            io::stderr(),
            "warning: {count} deliveries or attempts in the store are damaged and left out"
        );
    }
}

fn newest_attempt(kept: &Kept) -> u32 {
    kept.newest().map_or(0, |attempt| attempt.n)
}

/// Which deliveries are listed.
struct Wanted {
    filter: Option<Filter>,
    since: Option<Timestamp>,
    duplicates: Duplicates,
}

/// What was found at the start.
struct Found {
    kept: Vec<Kept>,
    /// Whether more match.
    more: bool,
    /// The newest id that there is, of whatever delivery; 0 where there is none.
    last: u64,
    damaged: u64,
}

impl Wanted {
    fn is(&self, kept: &Kept) -> bool {
        self.since
            .is_none_or(|since| kept.delivery.request.received_at >= since)
            && self
                .filter
                .as_ref()
                .is_none_or(|filter| filter.matches(kept, &self.duplicates))
    }

    /// Takes those into account that came in.
    fn see(&mut self, kept: &[Kept]) {
        if self.filter.as_ref().is_some_and(Filter::wants_duplicates) {
            for kept in kept {
                self.duplicates.see(kept);
            }
        }
    }

    /// The newest so many.
    fn newest(&mut self, reader: &Reader, limit: usize) -> anyhow::Result<Found> {
        let everything = self.filter.is_none() && self.since.is_none();
        let limits = Limits {
            // One more, to know whether there are more.
            count: if everything {
                limit.saturating_add(1)
            } else {
                usize::MAX
            },
            ..Limits::NONE
        };
        let Readable { mut kept, damaged } = reader.read(0..=u64::MAX, limits)?;
        let last = kept.last().map_or(0, |kept| kept.delivery.id);
        self.see(&kept);
        kept.retain(|kept| self.is(kept));
        let over = kept.len().saturating_sub(limit);
        kept.drain(..over);
        Ok(Found {
            kept,
            more: over > 0,
            last,
            damaged,
        })
    }
}

/// Lists what comes in from here on, until standard output is closed or a signal ends it.
/// `last` is the newest id that was seen, and `tried` has the newest attempt of each.
fn follow(
    reader: &Reader,
    wanted: &mut Wanted,
    face: &mut Face,
    mut last: u64,
    mut tried: HashMap<u64, u32>,
) -> anyhow::Result<Outcome> {
    let mut version = None;
    loop {
        let now = Some(reader.version()?);
        let (changed, wait) = if now == version {
            (false, LOOK)
        } else {
            (true, Duration::ZERO)
        };
        // Who has nothing to write does not learn otherwise that nobody reads.
        if reader_left(wait) {
            return Ok(Outcome::Fine);
        }
        if !changed {
            continue;
        }
        version = now;
        let newest = reader.newest_attempts()?;
        let mut changed: Vec<u64> = newest
            .iter()
            .filter(|(id, n)| **id <= last && tried.get(id).copied().unwrap_or(0) < **n)
            .map(|(id, _)| *id)
            .collect();
        changed.sort_unstable();
        let mut kept = Vec::new();
        for id in changed {
            kept.extend(reader.read(id..=id, Limits::NONE)?.kept);
        }
        let came = reader.read(last.saturating_add(1)..=u64::MAX, Limits::NONE)?;
        say_damaged(came.damaged);
        wanted.see(&came.kept);
        kept.extend(came.kept);
        // What was counted and is damaged is not looked at again and again.
        tried = newest;
        for kept in &kept {
            let n = tried.entry(kept.delivery.id).or_default();
            *n = newest_attempt(kept).max(*n);
            last = last.max(kept.delivery.id);
        }
        kept.retain(|kept| wanted.is(kept));
        face.more(&kept)?;
    }
}

/// How they are written.
enum Face {
    Json(JsonOutput),
    Table {
        table: Table,
        wide: bool,
        headed: bool,
    },
    Tabbed {
        wide: bool,
        colour: bool,
    },
}

impl Face {
    fn new(args: &ListArgs, color: Color) -> Result<Self, ConfigError> {
        if args.json.wanted() {
            let output = JsonOutput::new(&args.json, &DELIVERY_FIELDS, color)?;
            return Ok(Self::Json(output));
        }
        let terminal = io::stdout().is_terminal();
        let (wide, painted) = (args.wide, coloured(color, terminal));
        if !terminal {
            return Ok(Self::Tabbed {
                wide,
                colour: painted,
            });
        }
        Ok(Self::Table {
            table: Table::new(columns(wide), terminal_width(), painted),
            wide,
            headed: false,
        })
    }

    /// Writes what there is at the start.
    fn list(&mut self, kept: &[Kept], follows: bool) -> anyhow::Result<()> {
        match self {
            Self::Json(output) if !follows => output.write_all(kept.iter().map(Object::from)),
            _ => self.more(kept),
        }
    }

    /// Writes what came in.
    fn more(&mut self, kept: &[Kept]) -> anyhow::Result<()> {
        if kept.is_empty() {
            return Ok(());
        }
        let mut out = io::BufWriter::new(io::stdout().lock());
        match self {
            Self::Json(output) => {
                drop(out);
                return kept
                    .iter()
                    .try_for_each(|kept| output.write_line(Object::from(kept)));
            }
            Self::Tabbed { wide, colour } => {
                for kept in kept {
                    write_tabbed(&mut out, &values(kept, *wide), *colour)?;
                }
            }
            Self::Table {
                table,
                wide,
                headed,
            } => {
                let now = Zoned::now();
                let rows: Vec<Vec<Cell>> = kept.iter().map(|kept| row(kept, *wide, &now)).collect();
                table.fit(&rows);
                if !*headed {
                    table.head(&mut out)?;
                    *headed = true;
                }
                for row in &rows {
                    table.row(&mut out, row)?;
                }
            }
        }
        out.flush()?;
        Ok(())
    }
}
