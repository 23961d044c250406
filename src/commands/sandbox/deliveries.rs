//! `cmhook sandbox deliveries`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;

use anstyle::{AnsiColor, Style};
use http::StatusCode;
use jiff::{Timestamp, Zoned};
use serde_json::Value;

use super::client::{AskError, Sandbox, hide_passwords};
use crate::cli::{SandboxDeliveriesArgs, StoreArgs};
use crate::commands::Outcome;
use crate::commands::json_output::JsonOutput;
use crate::commands::setup::{Setup, color, runtime};
use crate::commands::table::{Cell, Column, write_all};
use crate::config::{Color, command};
use crate::delivery::escape_for_terminal;
use crate::lines::coloured;

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();

const FIELDS: [&str; 14] = [
    "id",
    "event_id",
    "event",
    "webhook",
    "account_id",
    "url",
    "scheme",
    "created_at",
    "outcome",
    "tried",
    "status",
    "error",
    "took_ms",
    "next_at",
];

const COLUMNS: [Column; 8] = [
    column("ID", false, None, 0),
    column("TIME", false, None, 2),
    column("EVENT", false, Some(8), 0),
    column("OUTCOME", false, None, 0),
    column("STATUS", false, None, 0),
    column("TRIES", true, None, 3),
    column("WEBHOOK", false, None, 5),
    column("URL", false, Some(12), 4),
];

const fn column(name: &'static str, right: bool, gives: Option<usize>, drops: u8) -> Column {
    Column {
        name,
        right,
        gives,
        drops,
    }
}

pub(super) fn run(args: &SandboxDeliveriesArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let store = StoreArgs { store: None };
    let setup = Setup::read(config, &store, |raw| {
        raw.color = args.color.color.map(color);
    })?;
    let paint = setup.settings.output.color;
    let sandbox = Sandbox::named(args.api.api.as_deref())?;
    match &args.id {
        Some(id) => show(args, &sandbox, id, paint),
        None => list(args, &sandbox, paint),
    }
}

fn list(args: &SandboxDeliveriesArgs, sandbox: &Sandbox, paint: Color) -> anyhow::Result<Outcome> {
    let output = args.json.wanted();
    let output = output.then(|| JsonOutput::new(&args.json, &FIELDS, paint));
    let output = output.transpose()?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("limit", &args.limit.to_string());
    let given = [
        ("event", &args.event),
        ("outcome", &args.outcome),
        ("webhook", &args.webhook),
    ];
    for (name, value) in given {
        if let Some(value) = value {
            query.append_pair(name, value);
        }
    }
    let path = format!("/sandbox/deliveries?{}", query.finish());
    let mut answer = runtime()?.block_on(sandbox.get(&path))?;
    let items = answer["data"].as_array_mut().map(std::mem::take);
    let mut items = items.unwrap_or_default();
    items.iter_mut().for_each(hide_passwords);
    if let Some(output) = output {
        output.write_all(&items)?;
    } else if items.is_empty() {
        let mut fire = vec!["sandbox", "fire", "EVENT"];
        if let Some(api) = &args.api.api {
            fire.extend(["--api", api]);
        }
        let fire = command(&fire);
        writeln!(
            io::stderr(),
            "There are no such deliveries: `{fire}` makes some."
        )?;
    } else {
        table(&items, paint)?;
    }
    Ok(if items.is_empty() {
        Outcome::No
    } else {
        Outcome::Fine
    })
}

fn table(items: &[Value], paint: Color) -> io::Result<()> {
    let terminal = io::stdout().is_terminal();
    let colour = coloured(paint, terminal);
    let now = terminal.then(Zoned::now);
    let rows: Vec<_> = items.iter().map(|item| row(item, now.as_ref())).collect();
    write_all(COLUMNS.to_vec(), &rows, colour)
}

fn row(item: &Value, now: Option<&Zoned>) -> Vec<Cell> {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    vec![
        Cell::new(text("id")),
        Cell::styled(clock(text("created_at"), now), DIM),
        Cell::styled(text("event"), BOLD),
        Cell::styled(text("outcome"), look(text("outcome"))),
        Cell::new(last(item)),
        Cell::new(item["tried"].to_string()),
        Cell::styled(text("webhook"), DIM),
        Cell::new(text("url")),
    ]
}

fn look(outcome: &str) -> Style {
    match outcome {
        "delivered" => GREEN,
        "failed" => RED,
        _ => YELLOW,
    }
}

/// The status of the last answer, or why there was none.
fn last(item: &Value) -> String {
    match item["status"].as_u64() {
        Some(status) => status.to_string(),
        None => item["error"].as_str().unwrap_or_default().to_owned(),
    }
}

/// A time for a terminal, or for a pipe as it is.
fn clock(text: &str, now: Option<&Zoned>) -> String {
    match (text.parse::<Timestamp>(), now) {
        (Ok(at), Some(now)) => {
            let at = at.to_zoned(now.time_zone().clone());
            at.strftime("%H:%M:%S").to_string()
        }
        _ => text.to_owned(),
    }
}

fn show(
    args: &SandboxDeliveriesArgs,
    sandbox: &Sandbox,
    id: &str,
    paint: Color,
) -> anyhow::Result<Outcome> {
    let known = [&FIELDS[..], &["tries", "request"]].concat();
    let output = args.json.wanted();
    let output = output.then(|| JsonOutput::new(&args.json, &known, paint));
    let output = output.transpose()?;
    let is_id = !id.is_empty() && id.bytes().all(|b| b.is_ascii_alphanumeric());
    let path = format!("/sandbox/deliveries/{id}");
    let asked = if is_id {
        runtime()?.block_on(sandbox.get(&path)).map(Some)
    } else {
        Ok(None)
    };
    let item = match asked {
        Ok(None) => None,
        Err(AskError::Refused { status, .. }) if status == StatusCode::NOT_FOUND => None,
        asked => asked?,
    };
    let Some(mut item) = item else {
        let id = id.escape_debug();
        writeln!(io::stderr(), "There is no delivery `{id}`.")?;
        return Ok(Outcome::No);
    };
    hide_passwords(&mut item);
    if let Some(output) = output {
        output.write_one(&item)?;
        return Ok(Outcome::Fine);
    }
    let terminal = io::stdout().is_terminal();
    let now = terminal.then(Zoned::now);
    let mut out = io::stdout().lock();
    for line in lines(&item, now.as_ref()) {
        writeln!(out, "{}", escape_for_terminal(&line))?;
    }
    Ok(Outcome::Fine)
}

/// One with all that is known of it.
fn lines(item: &Value, now: Option<&Zoned>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut lines = vec![
        format!(
            "{}  {}  {}",
            text(&item["id"]),
            text(&item["event"]),
            text(&item["outcome"])
        ),
        format!("  webhook  {}", text(&item["webhook"])),
    ];
    let tries = item["tries"].as_array().into_iter().flatten();
    for tried in tries {
        let mut line = format!(
            "  try {}    {}  {}  {:.0}ms",
            tried["n"],
            clock(&text(&tried["started_at"]), now),
            last(tried),
            tried["took_ms"].as_f64().unwrap_or(0.0)
        );
        if let Some(message) = tried["message"].as_str() {
            line = format!("{line}  {message}");
        }
        if let Some(next) = tried["next_at"].as_str() {
            line = format!("{line}  next at {}", clock(next, now));
        }
        lines.push(line);
    }
    let request = &item["request"];
    lines.push(String::new());
    lines.push(format!("POST {}", text(&request["url"])));
    for (name, value) in request["headers"].as_object().into_iter().flatten() {
        lines.push(format!("{name}: {}", text(value)));
    }
    lines.push(String::new());
    lines.extend(text(&request["body"]).lines().map(str::to_owned));
    lines
}
