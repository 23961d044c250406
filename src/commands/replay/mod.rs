//! `cmhook replay`.

mod drive;
pub mod edits;
mod expect;
mod face;
mod items;
mod json;
mod junit;
mod plan;
mod summary;

use std::io::{self, IsTerminal as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;

use self::drive::{Told, drive};
use self::edits::Edits;
use self::expect::{Expected, Statuses};
use self::face::Face;
use self::items::{Item, Source, gather};
use self::junit::Report;
use self::plan::{Job, Plan};
use self::summary::{Record, Summary};
use super::Outcome;
use super::audience::of_others;
use super::hand::Hand;
use super::ink::Ink;
use super::json_output::JsonOutput;
use super::register::registered_for;
use super::setup::{Setup, color, runtime, with_secrets};
use crate::cakemail::diagnosis::Keys;
use crate::capture::again::AgainError;
use crate::capture::targets;
use crate::cli::ReplayArgs;
use crate::config::{BadTarget, ConfigError, Policy, Target};

pub(super) fn run(args: &ReplayArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        raw.color = args.color.color.map(color);
        with_secrets(raw, &args.secrets);
    })?;
    let edits = Edits::read(&args.edit)?;
    let plan = Plan::read(&args.pace)?;
    let expected = Expected {
        statuses: args
            .expect
            .expect
            .as_deref()
            .map(Statuses::read)
            .transpose()?,
        same: args.expect.expect_same,
    };
    let to = args.to.as_deref().map(target).transpose()?;
    let colour = setup.settings.output.color;
    let json = args
        .json
        .wanted()
        .then(|| JsonOutput::new(&args.json, &json::FIELDS, colour));
    let json = json.transpose()?;
    let path = args.expect.junit.as_deref().filter(|_| !args.dry_run);
    if let Some(path) = path {
        is_no_input(path, &args.which)?;
    }
    let report = path.map(Report::create).transpose()?;
    let (mut items, source) = match gather(&setup, args, &edits) {
        Ok(Some(gathered)) => gathered,
        nothing => return nothing_sent(nothing.map(drop), report),
    };
    let came: Vec<_> = items
        .iter()
        .map(|i| i.kept.delivery.request.received_at)
        .collect();
    let jobs = plan.jobs(&came);
    let ink = Ink::new(colour, io::stdout().is_terminal());
    let keys = Keys::of(&setup.settings.secrets, registered_for(&setup));
    let face = Face::new(
        ink,
        json,
        args.quiet,
        expected.anything(),
        (&items, source),
        keys,
    );
    if args.dry_run {
        return dry_run(&setup, &items, &jobs, to.as_ref(), &face);
    }
    let mut run = Run {
        face,
        expected,
        records: Vec::new(),
        report,
        clock: Instant::now(),
        started: Timestamp::now(),
    };
    let run_all = async {
        let hand = match source {
            Source::Store => Hand::open(&setup).await?,
            Source::Files => in_memory(&setup, &mut items).await?,
        };
        if edits.sign_with().is_some_and(|with| !hand.knows(with)) {
            say_taken_as_secret();
        }
        run.face.begin(jobs.len());
        run.clock = Instant::now();
        let ended = drive(&hand, to.as_ref(), &items, &plan, &jobs, |told| {
            run.told(&items, told)
        });
        let ended = ended.await.map(drop);
        // What was done is in the store, whatever comes now.
        let closed = hand.close().await;
        ended.and(closed)
    };
    let ended = runtime().and_then(|runtime| runtime.block_on(run_all));
    run.finish(jobs.len(), ended)
}

/// Refuses a report in the place of a file that is to be replayed: it would be emptied
/// before it is read.
fn is_no_input(report: &Path, files: &[String]) -> Result<(), ConfigError> {
    let Ok(report) = report.canonicalize() else {
        return Ok(());
    };
    let mut inputs = files
        .iter()
        .filter_map(|file| Path::new(file).canonicalize().ok());
    if inputs.any(|input| input == report) {
        return Err(ConfigError {
            message: format!(
                "`--junit {}` is a file that is to be replayed",
                report.display()
            ),
            hint: "name another file for the report".into(),
        });
    }
    Ok(())
}

/// A run while it goes on.
struct Run {
    face: Face,
    expected: Expected,
    records: Vec<Record>,
    report: Option<Report>,
    clock: Instant,
    started: Timestamp,
}

impl Run {
    fn told(&mut self, items: &[Item], told: Told) -> anyhow::Result<()> {
        let sent = match told {
            Told::Sent(sent) => sent,
            Told::Stopping(under_way) => {
                self.face.stopping(under_way);
                return Ok(());
            }
        };
        let item = &items[sent.job.item];
        let missed = self.expected.missed(&sent.attempt, item.recorded());
        self.records.push(Record::of(item, &sent, &missed));
        self.face.sent(item, &sent, &missed)
    }

    /// Tells the figures, and writes the report.
    fn finish(mut self, planned: usize, ended: anyhow::Result<()>) -> anyhow::Result<Outcome> {
        let expects = self.expected.anything();
        let took = self.clock.elapsed();
        let summary = Summary::of(&self.records, planned, took);
        if let Some(report) = self.report {
            let trouble = match &ended {
                Err(error) => Some(format!("{error:#}")),
                Ok(()) if self.records.len() < planned => {
                    Some(format!("stopped after {} of {planned}", self.records.len()))
                }
                Ok(()) => None,
            };
            let trouble = trouble.as_deref();
            let document = junit::document(&self.records, trouble, expects, self.started, took);
            report.write(&document)?;
        }
        if ended.is_ok() || !self.records.is_empty() {
            self.face.end(&summary, took, &self.records)?;
        }
        ended.map_err(of_others)?;
        Ok(if summary.is_fine(expects) {
            Outcome::Fine
        } else {
            Outcome::No
        })
    }
}

/// Says in the report why nothing is sent: for a test, nothing is no success.
fn nothing_sent(why: anyhow::Result<()>, report: Option<Report>) -> anyhow::Result<Outcome> {
    if let Some(report) = report {
        let said = why.as_ref().err().map(|error| format!("{error:#}"));
        let said = said.as_deref().unwrap_or("no delivery matches");
        let now = Timestamp::now();
        report.write(&junit::document(&[], Some(said), true, now, Duration::ZERO))?;
    }
    why.map(|()| Outcome::No)
}

/// It is not shown, as it may well be a secret.
fn say_taken_as_secret() {
    // Standard error may be closed; what is sent is sent all the same.
    let _ = writeln!(
        io::stderr(),
        "No known secret is called what `--sign-with` says, so its text is taken as the secret itself."
    );
}

/// What comes from files is held in memory to be sent; its ids are of no meaning.
async fn in_memory(setup: &Setup, items: &mut [Item]) -> anyhow::Result<Hand> {
    let hand = Hand::in_memory(setup)?;
    for item in items {
        let ids = hand.take_in(vec![item.kept.clone()]).await?;
        let id = ids.first().copied().unwrap_or_default();
        let mut delivery = (*item.kept.delivery).clone();
        delivery.id = id;
        item.kept.delivery = delivery.into();
        if let Some(edited) = &mut item.edited {
            edited.draft.original = Some(id);
        }
    }
    Ok(hand)
}

fn target(text: &str) -> Result<Target, ConfigError> {
    text.parse().map_err(|error: BadTarget| ConfigError {
        message: format!("`--to`: {error}"),
        hint: error.hint().into(),
    })
}

/// Says what would be sent.
fn dry_run(
    setup: &Setup,
    items: &[Item],
    jobs: &[Job],
    to: Option<&Target>,
    face: &Face,
) -> anyhow::Result<Outcome> {
    let policy = match (to, setup.reader()) {
        (None, Ok(reader)) => targets::remembered(&reader),
        _ => Policy::default(),
    };
    for job in jobs {
        let item = &items[job.item];
        let event = item.kept.delivery.request.event.as_deref();
        let mut routes = policy.routes.iter();
        let route = routes.find(|(pattern, _)| event.is_some_and(|event| pattern.matches(event)));
        let target = to
            .or(route.map(|(_, target)| target))
            .or(policy.forward.first())
            .ok_or(AgainError::NoTarget)?;
        let path = &item.kept.delivery.request.path_and_query;
        let url = target.url_for(path).map(|url| url.to_string());
        face.planned(item, *job, &url.unwrap_or_else(|| target.to_string()))?;
    }
    Ok(Outcome::Fine)
}
