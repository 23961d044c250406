//! `cmhook relay token`.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::path::Path;

use anstyle::Style;
use jiff::{Timestamp, Zoned};
use secrecy::ExposeSecret as _;
use serde::Serialize;

use super::super::Outcome;
use super::super::ask::deliveries;
use super::super::setup::runtime;
use super::super::table::{Cell, Column};
use super::keep::{List, folder, open, say_json, time};
use crate::cli::{RelayListArgs, RelayTokenArgs, RelayTokenCommand, RelayTokenCreateArgs};
use crate::delivery::escape_for_terminal;
use crate::relay::tokens::{Listed, Owner};

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

pub(super) fn run(command: &RelayTokenCommand, config: Option<&Path>) -> anyhow::Result<Outcome> {
    match command {
        RelayTokenCommand::Create(args) => create(args),
        RelayTokenCommand::List(args) => list(args, config),
        RelayTokenCommand::Revoke(args) => revoke(args),
        RelayTokenCommand::Rotate(args) => rotate(args),
    }
}

/// A token in JSON.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    label: &'a str,
    names: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used_at: Option<Timestamp>,
}

impl<'a> Shown<'a> {
    fn new(owner: &'a Owner, names: &'a [String]) -> Self {
        Self {
            id: owner.id.as_str(),
            label: &owner.label,
            names,
            token: None,
            waiting: None,
            created_at: None,
            last_used_at: None,
        }
    }
}

fn create(args: &RelayTokenCreateArgs) -> anyhow::Result<Outcome> {
    let (tokens, _) = open(&args.data, true)?;
    let made = runtime()?.block_on(tokens.create(&args.label, &args.name));
    let (owner, token) = made?;
    if args.json {
        let mut object = Shown::new(&owner, &args.name);
        object.token = Some(token.expose_secret());
        say_json(&object)?;
        return Ok(Outcome::Fine);
    }
    say_made("Made", &owner, &folder(args.data.data.as_deref()))?;
    writeln!(io::stdout(), "{}", token.expose_secret())?;
    Ok(Outcome::Fine)
}

/// Says on standard error what the token on standard output is.
fn say_made(what: &str, owner: &Owner, folder: &Path) -> io::Result<()> {
    let folder = folder.display().to_string();
    writeln!(
        io::stderr(),
        "{what} the token `{}` ({}) of the relay in {}. It is shown this once:",
        owner.label,
        owner.id,
        escape_for_terminal(&folder)
    )
}

fn revoke(args: &RelayTokenArgs) -> anyhow::Result<Outcome> {
    let (tokens, all) = open(&args.data, false)?;
    let runtime = runtime()?;
    let (owner, names) = runtime.block_on(tokens.revoke(&args.label))?;
    let listed = runtime.block_on(all.list())?;
    let of_it = listed.iter().filter(|one| names.contains(&one.name));
    let waiting: u64 = of_it.map(|one| one.waiting).sum();
    if args.json {
        let mut object = Shown::new(&owner, &names);
        object.waiting = Some(waiting);
        say_json(&object)?;
        return Ok(Outcome::Fine);
    }
    let mut of_names = match &names[..] {
        [] => String::new(),
        names => format!(" Nobody else gets {} for 30 days.", names.join(", ")),
    };
    if waiting > 0 {
        let count = deliveries(usize::try_from(waiting).unwrap_or(usize::MAX));
        let _ = write!(
            of_names,
            " Waiting still, until too old: {count}; `cmhook relay name reserve` for another token deletes them."
        );
    }
    let (label, id) = (&owner.label, &owner.id);
    writeln!(
        io::stderr(),
        "Revoked the token `{label}` ({id}).{of_names}"
    )?;
    Ok(Outcome::Fine)
}

fn rotate(args: &RelayTokenArgs) -> anyhow::Result<Outcome> {
    let (tokens, names) = open(&args.data, false)?;
    let (owner, token) = runtime()?.block_on(tokens.rotate(&args.label))?;
    if args.json {
        let names = names.all_of(&owner.id);
        let names: Vec<String> = names.into_iter().map(String::from).collect();
        let mut object = Shown::new(&owner, &names);
        object.token = Some(token.expose_secret());
        say_json(&object)?;
        return Ok(Outcome::Fine);
    }
    say_made("Renewed", &owner, &folder(args.data.data.as_deref()))?;
    writeln!(io::stdout(), "{}", token.expose_secret())?;
    Ok(Outcome::Fine)
}

const COLUMNS: [Column; 5] = [
    column("LABEL", Some(8), 0),
    column("ID", None, 3),
    column("NAMES", Some(8), 0),
    column("CREATED", None, 2),
    column("LAST USED", None, 1),
];

const fn column(name: &'static str, gives: Option<usize>, drops: u8) -> Column {
    Column {
        name,
        right: false,
        gives,
        drops,
    }
}

fn list(args: &RelayListArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let (tokens, _) = open(&args.data, false)?;
    let listed = runtime()?.block_on(tokens.list())?;
    let items: Vec<_> = listed.iter().map(Item).collect();
    let list = List {
        items: &items,
        columns: &COLUMNS,
        fields: &["id", "label", "names", "created_at", "last_used_at"],
        row,
        none: "There are no tokens: `cmhook relay token create LABEL` makes one.",
    };
    list.write(args, config)
}

struct Item<'a>(&'a Listed);

impl Serialize for Item<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut token = Shown::new(&self.0.owner, &self.0.names);
        token.created_at = Some(self.0.created_at);
        token.last_used_at = self.0.last_used_at;
        token.serialize(serializer)
    }
}

fn row(item: &Item<'_>, now: Option<&Zoned>) -> Vec<Cell> {
    let listed = item.0;
    let never = if now.is_some() { "never" } else { "" };
    let used = listed.last_used_at.map(|at| time(at, now));
    vec![
        Cell::styled(&*listed.owner.label, BOLD),
        Cell::styled(listed.owner.id.as_str(), DIM),
        Cell::new(listed.names.join(", ")),
        Cell::styled(time(listed.created_at, now), DIM),
        Cell::new(used.unwrap_or_else(|| never.to_owned())),
    ]
}
