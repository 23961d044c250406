//! `cmhook sandbox fire`.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::client::{Sandbox, hide_passwords};
use crate::cakemail::event::EventPattern;
use crate::cakemail::sandbox::LONGEST_BODY;
use crate::cli::SandboxFireArgs;
use crate::commands::Outcome;
use crate::commands::setup::runtime;
use crate::config::ConfigError;
use crate::delivery::escape_for_terminal;

/// Deliveries that are asked about at once.
const AT_ONCE: usize = 100;
/// How often is asked, at first and later.
const NAPS: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));

pub(super) fn run(args: &SandboxFireArgs) -> anyhow::Result<Outcome> {
    let bodies = bodies(args)?;
    let sandbox = Sandbox::named(args.api.api.as_deref())?;
    runtime()?.block_on(fire(args, &sandbox, bodies))
}

/// What is sent to the sandbox, one for each argument.
fn bodies(args: &SandboxFireArgs) -> anyhow::Result<Vec<String>> {
    let data = args.data.as_deref().map(data).transpose()?;
    let one = |event: &String| -> anyhow::Result<String> {
        let pattern: EventPattern = event.parse().map_err(|error| ConfigError {
            message: format!("{error}"),
            hint: "`cmhook trigger --list` lists the events".into(),
        })?;
        if !pattern.is_known() {
            let meant = pattern.suggestion();
            return Err(ConfigError {
                message: format!("there is no event `{}`", event.escape_debug()),
                hint: meant.map_or_else(
                    || "`cmhook trigger --list` lists the events".to_owned(),
                    |name| format!("did you mean `{name}`?"),
                ),
            }
            .into());
        }
        let mut body = json!({ "event": event, "count": args.count });
        let given = [("scheme", &args.scheme), ("envelope", &args.envelope)];
        for (name, value) in given {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        if let Some(account) = args.account {
            body["account_id"] = json!(account);
        }
        if args.duplicate {
            body["duplicate"] = json!(true);
        }
        let mut text = body.to_string();
        if let Some(data) = &data {
            // As it was written, byte for byte.
            text.truncate(text.len() - 1);
            text = format!("{text},\"data\":{data}}}");
        }
        Ok(text)
    };
    args.events.iter().map(one).collect()
}

/// JSON, or that of the file after an `@`.
fn data(text: &str) -> anyhow::Result<Box<RawValue>> {
    let owned;
    let json = match text.strip_prefix('@') {
        None => text,
        Some(path) => {
            owned = text_of(path)?;
            &owned
        }
    };
    let read: Result<Box<RawValue>, _> = serde_json::from_str(json.trim());
    read.map_err(|error| not_json(&format!("`--data` is not JSON: {error}")))
}

fn not_json(message: &str) -> anyhow::Error {
    ConfigError {
        message: message.to_owned(),
        hint: "write it as `{\"email\":\"a@b.example\"}`, or as `@FILE`".into(),
    }
    .into()
}

/// The text of a file, no more of which is read than the sandbox takes.
fn text_of(path: &str) -> anyhow::Result<String> {
    let shown = path.escape_debug();
    let mut bytes = Vec::new();
    let file = File::open(path).with_context(|| format!("cannot read `{shown}`"))?;
    let read = file.take(LONGEST_BODY as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read `{shown}`"))?;
    if bytes.len() > LONGEST_BODY {
        let mebibytes = LONGEST_BODY >> 20;
        return Err(ConfigError {
            message: format!(
                "`{shown}` is too large: the sandbox takes at most {mebibytes} MiB ({LONGEST_BODY} bytes)"
            ),
            hint: "fire the event with less data".into(),
        }
        .into());
    }
    String::from_utf8(bytes).map_err(|_| {
        not_json(&format!(
            "`{shown}` is not JSON: it holds bytes that are no text"
        ))
    })
}

async fn fire(
    args: &SandboxFireArgs,
    sandbox: &Sandbox,
    bodies: Vec<String>,
) -> anyhow::Result<Outcome> {
    sandbox.check().await?;
    let mut fired = Vec::new();
    for (event, body) in args.events.iter().zip(bodies) {
        let answer = match sandbox.post("/sandbox/events", body).await {
            Ok(answer) => answer,
            Err(error) if fired.is_empty() => return Err(error.into()),
            // Those before it are on their way all the same.
            Err(error) => {
                say_fired(args, &fired)?;
                if args.json {
                    writeln!(io::stdout(), "{}", json!({ "events": fired }))?;
                }
                return Err(error).context(format!("cannot fire `{event}`"));
            }
        };
        fired.extend(answer["events"].as_array().into_iter().flatten().cloned());
    }
    say_fired(args, &fired)?;
    let mut is_fine = unheard(&fired).is_empty();
    let mut ended = Vec::new();
    if args.wait {
        ended = wait(sandbox, ids(&fired)).await?;
        ended.iter_mut().for_each(hide_passwords);
        is_fine &= ended.iter().all(|one| one["outcome"] == "delivered");
    }
    if args.json {
        let mut object = json!({ "events": fired });
        if args.wait {
            object["deliveries"] = json!(ended);
        }
        writeln!(io::stdout(), "{object}")?;
    } else {
        for line in lines(&ended) {
            writeln!(io::stdout(), "{line}")?;
        }
    }
    Ok(if is_fine { Outcome::Fine } else { Outcome::No })
}

/// The ids of their deliveries.
fn ids(fired: &[Value]) -> Vec<String> {
    let deliveries = fired.iter().map(|event| event["deliveries"].as_array());
    let deliveries = deliveries.flat_map(|ids| ids.into_iter().flatten());
    let ids = deliveries.filter_map(|id| Some(id.as_str()?.to_owned()));
    ids.collect()
}

/// How many they are, for people, and which of them nobody hears of.
fn say_fired(args: &SandboxFireArgs, fired: &[Value]) -> io::Result<()> {
    if !args.json {
        let (events, count) = (fired.len(), ids(fired).len());
        let what =
            |n: usize, one: &str, more: &str| format!("{n} {}", if n == 1 { one } else { more });
        writeln!(
            io::stdout(),
            "Fired {}: {} to make.",
            what(events, "event", "events"),
            what(count, "delivery", "deliveries")
        )?;
    }
    for name in unheard(fired) {
        writeln!(
            io::stderr(),
            "No active webhook is registered for {}: nobody hears of it.",
            escape_for_terminal(&name)
        )?;
    }
    Ok(())
}

/// The events that no webhook is for, each once.
fn unheard(fired: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for event in fired {
        let is_heard = event["webhooks"]
            .as_array()
            .is_some_and(|ids| !ids.is_empty());
        let name = event["event"].as_str().unwrap_or_default();
        if !is_heard && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// What became of them, when nothing more does, in their order.
async fn wait(sandbox: &Sandbox, ids: Vec<String>) -> anyhow::Result<Vec<Value>> {
    let mut ended: HashMap<String, Value> = HashMap::new();
    let mut open = ids.clone();
    let (mut nap, longest) = NAPS;
    while !open.is_empty() {
        let mut still = Vec::new();
        for some in open.chunks(AT_ONCE) {
            let path = format!("/sandbox/deliveries?limit={AT_ONCE}&ids={}", some.join(","));
            let mut found = sandbox.get(&path).await?;
            let found = found["data"].as_array_mut().map(std::mem::take);
            for one in found.unwrap_or_default() {
                let id = one["id"].as_str().unwrap_or_default().to_owned();
                if one["outcome"] == "pending" {
                    still.push(id);
                } else {
                    ended.insert(id, one);
                }
            }
        }
        open = still;
        if !open.is_empty() {
            tokio::time::sleep(nap).await;
            nap = (nap * 2).min(longest);
        }
    }
    // One that was dropped meanwhile, as by a reset, was not delivered.
    let gone = |id: &String| json!({ "id": id, "outcome": "gone" });
    let all = ids.iter();
    Ok(all
        .map(|id| ended.remove(id).unwrap_or_else(|| gone(id)))
        .collect())
}

/// What became of each, in columns.
fn lines(ended: &[Value]) -> Vec<String> {
    let cells = ended.iter().map(|one| {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let last = match one["status"].as_u64() {
            Some(status) => status.to_string(),
            None => text("error"),
        };
        let tries = one["tried"].as_u64();
        let tries = tries.map_or_else(String::new, |tried| format!("tries {tried}"));
        let cells = [text("id"), text("event"), text("outcome"), tries, last];
        (cells, text("url"))
    });
    let rows: Vec<_> = cells.collect();
    let widths: [usize; 5] = std::array::from_fn(|column| {
        let widths = rows.iter().map(|(cells, _)| cells[column].chars().count());
        widths.max().unwrap_or(0)
    });
    let line = |(cells, url): &([String; 5], String)| {
        let mut line = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        escape_for_terminal(&format!("{line}{url}"))
            .trim_end()
            .to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_each_stands_in_columns() {
        let one = |event: &str, tried: u64, status: u16| {
            json!({ "id": "a", "event": event, "outcome": "failed", "tried": tried,
                "status": status, "url": "http://a.example/" })
        };
        let gone = json!({ "id": "b", "outcome": "gone" });
        let lines = lines(&[
            one("Email.Sent", 9, 500),
            one("SuppressedEmailsExport.Created", 10, 500),
            gone,
        ]);
        assert_eq!(
            lines,
            [
                "a  Email.Sent                      failed  tries 9   500  http://a.example/",
                "a  SuppressedEmailsExport.Created  failed  tries 10  500  http://a.example/",
                "b                                  gone",
            ]
        );
    }
}
