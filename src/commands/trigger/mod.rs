//! `cmhook trigger`.

mod payloads;
mod request;
mod send;
mod told;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use serde::Serialize;

use super::json_output::JsonOutput;
use super::listener_client::{ApiError, ListenerClient};
use super::register::{signed_sample, webhooks_of};
use super::setup::{Setup, color, meant, runtime, with_secrets};
use super::{Outcome, api, ink};
use crate::cakemail::event::{EventPattern, NAMES};
use crate::cakemail::sample::{self, Sample};
use crate::capture::trigger::request::Requests;
use crate::capture::trigger::send::Sender;
use crate::cli::TriggerArgs;
use crate::config::{Color, ConfigError, OneOrMany, Target};
use crate::delivery::{Registration, escape_for_terminal};
use payloads::Payloads;
use request::written;
use send::send_all;
use told::Told;

/// How much longer than the listener waits for the app this waits for the listener, so that
/// its 504 is what is heard.
const FOR_ITS_504: Duration = Duration::from_secs(5);

pub(super) fn run(args: &TriggerArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    if args.list {
        return list(args);
    }
    let setup = Setup::read(config, &args.store, |raw| {
        with_secrets(raw, &args.secrets);
        // Those of the configuration are for what the listener forwards.
        raw.header = Some(OneOrMany::Many(args.request.header.clone()));
        raw.timeout.clone_from(&args.sending.timeout);
        raw.insecure_target = args.sending.insecure_target.then_some(true);
        raw.color = args.color.color.map(color);
    })?;
    let to = args.to.as_deref().map(target).transpose()?;
    let payloads = Payloads::read(args)?;
    let requests = Requests {
        secrets: if args.request.unsigned {
            Vec::new()
        } else {
            meant(&setup.settings.secrets, &args.secrets).0.to_vec()
        },
        scheme: args.request.scheme,
        headers: setup.settings.forward.headers.clone(),
    };
    if args.print {
        if goes_unsigned(args, &requests) {
            say_unsigned("");
        }
        return print(&payloads, &requests, to.as_ref());
    }
    runtime()?.block_on(send(args, &setup, &payloads, requests, to))
}

async fn send(
    args: &TriggerArgs,
    setup: &Setup,
    payloads: &Payloads,
    requests: Requests,
    to: Option<Target>,
) -> anyhow::Result<Outcome> {
    let interval = args
        .sending
        .rate
        .as_deref()
        .map(crate::commands::rate::interval);
    let interval = interval.transpose()?;
    let settings = &setup.settings;
    let json = told::json(&args.json, settings.output.color)?;
    let (target, webhooks, timeout) = if let Some(target) = to {
        (target, None, settings.forward.timeout)
    } else {
        let (target, webhooks) = listener(setup, args).await?;
        let timeout = settings.forward.timeout + FOR_ITS_504;
        (target, Some(webhooks), timeout)
    };
    if goes_unsigned(args, &requests) {
        say_unsigned(&match &webhooks {
            None => String::new(),
            Some(webhooks) => of_listener(webhooks, payloads)?,
        });
    }
    let shown = target.to_string();
    let mut told = Told::new(json, settings.output.color, shown, payloads.width());
    let insecure = settings.forward.insecure_target;
    let sender = Sender::new(target, requests, timeout, insecure);
    let mut sent = pin!(send_all(&sender, payloads, interval));
    while let Some(sent) = sent.next().await {
        told.say(&sent?)?;
    }
    Ok(if told.end() {
        Outcome::Fine
    } else {
        Outcome::No
    })
}

fn target(text: &str) -> Result<Target, ConfigError> {
    text.parse::<Target>().map_err(|error| ConfigError {
        message: format!("`--to`: {error}"),
        hint: error.hint().into(),
    })
}

/// Where the running listener takes deliveries in: the store's, or where none is named the
/// one that keeps everything in memory. With the webhooks that it has registered.
async fn listener(
    setup: &Setup,
    args: &TriggerArgs,
) -> anyhow::Result<(Target, Arc<[Arc<Registration>]>)> {
    let store = setup.settings.store.path.as_deref();
    let mut files = vec![store];
    if store.is_some() && args.store.store.is_none() {
        files.push(None);
    }
    for file in files {
        let Some(running) = api::find(file) else {
            continue;
        };
        let url = running.url.parse::<Target>();
        let webhooks = webhooks_of(&running);
        if ListenerClient::connect(running).await?.is_some()
            && let Ok(url) = url
        {
            return Ok((url, webhooks));
        }
    }
    Err(ApiError {
        code: "no_target".into(),
        message: match args.store.store {
            Some(_) => "no listener runs on this store, so there is nowhere to send to".into(),
            None => "no listener runs, so there is nowhere to send to".into(),
        },
        hint: "start `cmhook listen`, or say where with `--to PORT` or `--to URL`".into(),
    }
    .into())
}

/// Whether nothing is signed though nobody has said so.
fn goes_unsigned(args: &TriggerArgs, requests: &Requests) -> bool {
    requests.secrets.is_empty() && !args.request.unsigned && !requests.are_signed_by_hand()
}

/// Which secrets a listener may have that are not known here, and what signs with those of
/// webhooks: that of the event that is sent, or any.
fn of_listener(webhooks: &[Arc<Registration>], payloads: &Payloads) -> anyhow::Result<String> {
    let event = payloads.made(0)?.event;
    let pattern = event.and_then(|event| event.parse::<EventPattern>().ok());
    let is_its = |one: &&Arc<Registration>| {
        let pattern = pattern.as_ref();
        pattern.is_some_and(|pattern| pattern.matches(&one.event))
    };
    let one = webhooks.iter().find(is_its).or_else(|| webhooks.first());
    Ok(match one {
        Some(one) => format!(
            " The listener knows the keys of the webhooks that it has registered: {}.",
            signed_sample(one)
        ),
        None => " A secret that the listener was given as a flag is not known here.".to_owned(),
    })
}

fn say_unsigned(more: &str) {
    let text = format!(
        "No secret is known, so nothing is signed.{more} Give it with `--secret` or CMHOOK_SECRET, or say `--unsigned`."
    );
    // Standard error may be closed; what is sent is sent all the same.
    let _ = writeln!(io::stderr(), "{}", escape_for_terminal(&text));
}

fn print(payloads: &Payloads, requests: &Requests, to: Option<&Target>) -> anyhow::Result<Outcome> {
    let stdout = io::stdout();
    let terminal = stdout.is_terminal();
    let mut out = io::BufWriter::new(stdout.lock());
    for n in 0..payloads.len() {
        let request = written(requests, &payloads.made(n)?, to);
        if terminal {
            // For reading, not for sending: a file can hold what acts on a terminal.
            for line in String::from_utf8_lossy(&request).lines() {
                writeln!(out, "{}", ink::shown(line))?;
            }
        } else {
            out.write_all(&request)?;
        }
    }
    out.flush()?;
    Ok(Outcome::Fine)
}

/// An event that there is a sample of, in JSON.
#[derive(Debug, Serialize)]
struct EventObject<'a> {
    event: &'a str,
    envelope: &'static str,
    description: &'a str,
}

impl From<&'static Sample> for EventObject<'static> {
    fn from(sample: &'static Sample) -> Self {
        Self {
            event: sample.name(),
            envelope: sample.envelope().name(),
            description: sample.description(),
        }
    }
}

fn list(args: &TriggerArgs) -> anyhow::Result<Outcome> {
    let samples: Vec<&'static Sample> = if args.events.is_empty() {
        sample::all().iter().collect()
    } else {
        payloads::named(&args.events)?
    };
    let events = samples.into_iter().map(EventObject::from);
    let color = args.color.color.map_or(Color::Auto, color);
    if args.json.wanted() {
        let fields = ["event", "envelope", "description"];
        JsonOutput::new(&args.json, &fields, color)?.write_all(events)?;
        return Ok(Outcome::Fine);
    }
    let stdout = io::stdout();
    let ink = ink::Ink::new(color, stdout.is_terminal());
    let width = NAMES.iter().map(|name| name.len()).max().unwrap_or(0);
    let mut out = io::BufWriter::new(stdout.lock());
    for event in events {
        let name = format!("{:width$}", event.event);
        writeln!(
            out,
            "{}  {}",
            ink.paint(ink::BOLD, &name),
            event.description
        )?;
    }
    out.flush()?;
    Ok(Outcome::Fine)
}
