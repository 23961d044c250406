//! `cmhook relay name`.

use std::io::{self, Write as _};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use jiff::{Timestamp, Zoned};
use serde::Serialize;

use super::super::Outcome;
use super::super::ask::deliveries;
use super::super::setup::runtime;
use super::super::table::{Cell, Column};
use super::keep::{List, open, say_json, time};
use crate::cli::{RelayListArgs, RelayNameCommand, RelayNameReleaseArgs, RelayNameReserveArgs};
use crate::relay::names::Listed;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const YELLOW: Style = AnsiColor::Yellow.on_default();

pub(super) fn run(command: &RelayNameCommand, config: Option<&Path>) -> anyhow::Result<Outcome> {
    match command {
        RelayNameCommand::List(args) => list(args, config),
        RelayNameCommand::Reserve(args) => reserve(args),
        RelayNameCommand::Release(args) => release(args),
    }
}

/// A change in JSON.
#[derive(Serialize)]
struct Changed<'a> {
    name: &'a str,
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    dropped: Option<u64>,
}

fn reserve(args: &RelayNameReserveArgs) -> anyhow::Result<Outcome> {
    let (_, names) = open(&args.data, false)?;
    let reserved = names.reserve(&args.name, &args.token, args.force);
    let reserved = runtime()?.block_on(reserved)?;
    let (name, token) = (&args.name, &reserved.owner.label);
    if args.json {
        say_json(&Changed {
            name,
            token,
            dropped: Some(reserved.dropped),
        })?;
        return Ok(Outcome::Fine);
    }
    let dropped = match usize::try_from(reserved.dropped).unwrap_or(usize::MAX) {
        0 => String::new(),
        count => format!(
            " Deleted {} that waited for the one before.",
            deliveries(count)
        ),
    };
    writeln!(io::stderr(), "The name {name} is `{token}`'s.{dropped}")?;
    Ok(Outcome::Fine)
}

fn release(args: &RelayNameReleaseArgs) -> anyhow::Result<Outcome> {
    let (_, names) = open(&args.data, false)?;
    let token = &runtime()?.block_on(names.release(&args.name))?;
    let name = &args.name;
    if args.json {
        say_json(&Changed {
            name,
            token,
            dropped: None,
        })?;
        return Ok(Outcome::Fine);
    }
    writeln!(
        io::stderr(),
        "Released the name {name}. Nobody but `{token}` gets it for 30 days."
    )?;
    Ok(Outcome::Fine)
}

const COLUMNS: [Column; 5] = [
    column("NAME", false, Some(8), 0),
    column("TOKEN", false, Some(8), 0),
    column("WAITING", true, None, 1),
    column("BOUND", false, None, 3),
    column("NOTES", false, Some(8), 2),
];

const fn column(name: &'static str, right: bool, gives: Option<usize>, drops: u8) -> Column {
    Column {
        name,
        right,
        gives,
        drops,
    }
}

fn list(args: &RelayListArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let (_, names) = open(&args.data, false)?;
    let listed = runtime()?.block_on(names.list())?;
    let items: Vec<_> = listed.iter().map(Item).collect();
    let list = List {
        items: &items,
        columns: &COLUMNS,
        fields: &["name", "token", "waiting", "bound_at", "free_at"],
        row,
        none: "There are no names yet: a token gets one when it connects, or with `cmhook relay name reserve`.",
    };
    list.write(args, config)
}

struct Item<'a>(&'a Listed);

impl Serialize for Item<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            name: &'a str,
            token: &'a str,
            waiting: u64,
            bound_at: Timestamp,
            #[serde(skip_serializing_if = "Option::is_none")]
            free_at: Option<Timestamp>,
        }
        let listed = self.0;
        let shown = Shown {
            name: &listed.name,
            token: &listed.token,
            waiting: listed.waiting,
            bound_at: listed.bound_at,
            free_at: listed.free_at,
        };
        shown.serialize(serializer)
    }
}

fn row(item: &Item<'_>, now: Option<&Zoned>) -> Vec<Cell> {
    let listed = item.0;
    let notes = listed.free_at.map(|at| match now {
        Some(now) => {
            let at = at.to_zoned(now.time_zone().clone());
            format!("released, free on {}", at.strftime("%Y-%m-%d"))
        }
        None => format!("released, free at {at:.0}"),
    });
    let (name, token) = match notes {
        Some(_) => (DIM, DIM),
        None => (BOLD, Style::new()),
    };
    vec![
        Cell::styled(&listed.name, name),
        Cell::styled(&listed.token, token),
        Cell::new(listed.waiting.to_string()),
        Cell::styled(time(listed.bound_at, now), DIM),
        Cell::styled(notes.unwrap_or_default(), YELLOW),
    ]
}
