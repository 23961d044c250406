//! What is seen of a run: a line for each attempt, a bar meanwhile, and the figures.
//!
//! ```text
//! #41  email.sent    200  12ms  http://localhost:3000/webhooks/cakemail
//! #42  email.opened  500   3ms  http://localhost:3000/webhooks/cakemail
//!      ✗ expected 2xx, got 500
//! ```

use std::collections::HashSet;
use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::drive::Sent;
use super::edits::Edited;
use super::expect::Miss;
use super::items::{Item, Source};
use super::json::{PlanObject, ReplayObject};
use super::plan::Job;
use super::summary::{Record, Summary, milliseconds};
use crate::cakemail::diagnosis::{Keys, why_refused};
use crate::commands::audience::Audience;
use crate::commands::diff::human;
use crate::commands::ink::{BOLD, DIM, GREEN, Ink, RED, YELLOW, shown, style_of};
use crate::commands::json_output::JsonOutput;
use crate::delivery::words::{no_such_path, took};
use crate::delivery::{Outcome, Verdict};

/// Names are padded to the longest, up to so many columns.
const NAME_COLUMNS: usize = 24;

/// Whoever writes.
pub(super) struct Face {
    ink: Ink,
    json: Option<JsonOutput>,
    quiet: bool,
    expects: bool,
    source: Source,
    keys: Keys,
    audience: Audience,
    // Columns of labels and names.
    widths: (usize, usize),
    bar: ProgressBar,
    // Whether there are lines that the figures must stand apart from.
    wrote: bool,
    // Hints are the same for every attempt that fails in the same way.
    hints: HashSet<String>,
}

impl Face {
    /// For these items, sent so many times in all.
    pub(super) fn new(
        ink: Ink,
        json: Option<JsonOutput>,
        quiet: bool,
        expects: bool,
        (items, source): (&[Item], Source),
        keys: Keys,
    ) -> Self {
        let widest = |text: &dyn Fn(&Item) -> String| {
            let columns = items.iter().map(|item| shown(&text(item)).chars().count());
            columns.max().unwrap_or_default().min(NAME_COLUMNS)
        };
        Self {
            ink,
            json,
            quiet,
            expects,
            source,
            keys,
            audience: Audience::default(),
            widths: (widest(&|item| item.label.clone()), widest(&Item::name)),
            bar: ProgressBar::hidden(),
            wrote: false,
            hints: HashSet::new(),
        }
    }

    /// Shows how far it is, where there is a terminal to show it on and more than a moment's
    /// work.
    pub(super) fn begin(&mut self, jobs: usize) {
        if jobs < 2 || !io::stderr().is_terminal() {
            return;
        }
        let bar = ProgressBar::with_draw_target(Some(jobs as u64), ProgressDrawTarget::stderr());
        let template = "{bar:30} {pos}/{len}  {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("██░"));
        }
        self.bar = bar;
    }

    /// An attempt has ended. Where nobody reads any more, nothing is written.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn sent(&mut self, item: &Item, sent: &Sent, missed: &[Miss]) -> anyhow::Result<()> {
        let edits = item.edited.as_ref().map(|edited| done(edited, sent));
        let bar = self.bar.clone();
        bar.inc(1);
        let fine = missed.is_empty() && (self.expects || sent.attempt.status().is_some());
        if self.audience.has_left() || self.quiet && fine {
            return Ok(());
        }
        self.wrote = true;
        let written = bar.suspend(|| {
            if let Some(json) = &self.json {
                let kept = self.source == Source::Store;
                return json.write_line(ReplayObject::new(
                    item,
                    sent,
                    edits.unwrap_or_default(),
                    missed,
                    (kept, self.expects),
                ));
            }
            let mut out = io::BufWriter::new(io::stdout().lock());
            self.line(&mut out, item, sent, missed, edits.as_deref())?;
            Ok(out.flush()?)
        });
        self.audience.heard(written)
    }

    fn line(
        &mut self,
        out: &mut impl Write,
        item: &Item,
        sent: &Sent,
        missed: &[Miss],
        edits: Option<&[String]>,
    ) -> io::Result<()> {
        let ink = self.ink.clone();
        let attempt = &sent.attempt;
        let status = match &attempt.outcome {
            Outcome::Answered(answer) => {
                let status = answer.status.to_string();
                ink.paint(style_of(answer.status), &status).into_owned()
            }
            Outcome::Failed(_) => ink.paint(RED, "ERR").into_owned(),
        };
        writeln!(
            out,
            "{}  {status}  {}  {}",
            self.head(item),
            shown(&attempt.target),
            ink.paint(DIM, &took(attempt.took)),
        )?;
        let indent = " ".repeat(self.widths.0 + 2);
        if let Some(edits) = edits {
            let kept = sent.copy.as_ref().filter(|_| self.source == Source::Store);
            let name = kept.map_or_else(String::new, |copy| format!("as #{}: ", copy.id));
            let line = format!("{name}{}", edits.join(", "));
            writeln!(out, "{indent}{}", ink.paint(DIM, &shown(&line)))?;
        }
        if let Outcome::Failed(failure) = &attempt.outcome {
            writeln!(out, "{indent}{}", ink.paint(RED, &shown(&failure.message)))?;
            if !failure.hint.is_empty() && self.hints.insert(failure.hint.to_string()) {
                writeln!(out, "{indent}{}", ink.paint(DIM, &shown(&failure.hint)))?;
            }
        }
        for hint in self.why_answered(item, sent) {
            writeln!(out, "{indent}{}", ink.paint(YELLOW, &shown(&hint)))?;
        }
        for miss in missed {
            let text = format!("✗ {}", miss.message);
            writeln!(out, "{indent}{}", ink.paint(RED, &shown(&text)))?;
            if let Some(body) = &miss.body {
                let mut lines = Vec::new();
                human::body(&mut lines, &ink, body)?;
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    out.write_all(indent.as_bytes())?;
                    out.write_all(line)?;
                }
            }
        }
        Ok(())
    }

    /// What can be said of an app that refused it, once for all of them.
    fn why_answered(&mut self, item: &Item, sent: &Sent) -> Vec<String> {
        let Outcome::Answered(answer) = &sent.attempt.outcome else {
            return Vec::new();
        };
        let copy = sent.copy.as_ref().map(|copy| &copy.request);
        let request = copy.unwrap_or(&item.kept.delivery.request);
        let refusal = why_refused(request, answer.into(), &self.keys);
        let hints = match refusal.and_then(|refusal| refusal.why) {
            Some(why) => why.lines().collect(),
            None => no_such_path(answer.status, &request.method, &sent.attempt.target, "--to")
                .into_iter()
                .collect::<Vec<_>>(),
        };
        let is_new = self.hints.insert(hints.join("\n"));
        if is_new { hints } else { Vec::new() }
    }

    /// Label and name in their columns.
    fn head(&self, item: &Item) -> String {
        let padded = |text: &str, width: usize| {
            let text = shown(text);
            let padding = " ".repeat(width.saturating_sub(text.chars().count()));
            (text.into_owned(), padding)
        };
        let (label, gap) = padded(&item.label, self.widths.0);
        let (name, more) = padded(&item.name(), self.widths.1);
        let label = self.ink.paint(DIM, &label);
        format!("{label}{gap}  {}{more}", self.ink.paint(BOLD, &name))
    }

    /// A signal came, and so many answers are waited for.
    pub(super) fn stopping(&self, under_way: usize) {
        self.bar.suspend(|| {
            let wait = match under_way {
                0 => "",
                1 => "; 1 answer is waited for, a second Ctrl-C does not",
                _ => "; answers that are under way are waited for, a second Ctrl-C does not",
            };
            let _ = writeln!(io::stderr(), "Stopping{wait}.");
        });
    }

    /// What would be sent.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn planned(&self, item: &Item, job: Job, target: &str) -> anyhow::Result<()> {
        let mut edits = item
            .edited
            .as_ref()
            .map_or_else(Vec::new, |e| e.done.clone());
        if item.edited.as_ref().is_some_and(|e| e.draft.sign.is_some()) {
            edits.push("signed anew".to_owned());
        }
        if let Some(json) = &self.json {
            return json.write_line(PlanObject {
                of: &item.label,
                event: item.kept.delivery.request.event.as_deref(),
                round: job.round,
                at_ms: milliseconds(job.at),
                target,
                edits,
            });
        }
        let mut out = io::stdout().lock();
        let after = if job.at.is_zero() {
            String::new()
        } else {
            format!("  after {}", took(job.at))
        };
        let after = self.ink.paint(DIM, &after);
        writeln!(out, "{}  {}{after}", self.head(item), shown(target))?;
        if !edits.is_empty() {
            let indent = " ".repeat(self.widths.0 + 2);
            let edits = edits.join(", ");
            writeln!(out, "{indent}{}", self.ink.paint(DIM, &shown(&edits)))?;
        }
        Ok(())
    }

    /// The figures of the whole run.
    ///
    /// # Errors
    /// Those of standard output.
    pub(super) fn end(
        &mut self,
        summary: &Summary,
        took: Duration,
        records: &[Record],
    ) -> anyhow::Result<()> {
        self.bar.finish_and_clear();
        if self.audience.has_left() {
            return Ok(());
        }
        let written = self.figures(summary, took, records);
        self.audience.heard(written)
    }

    fn figures(&self, summary: &Summary, took: Duration, records: &[Record]) -> anyhow::Result<()> {
        if let Some(json) = &self.json {
            return json.write_line(summary);
        }
        let mut out = io::stdout().lock();
        let style = if summary.is_fine(self.expects) {
            GREEN
        } else {
            RED
        };
        if self.wrote {
            writeln!(out)?;
        }
        for (at, line) in summary.lines(took, records).iter().enumerate() {
            let style = if at == 1 { DIM } else { style };
            writeln!(out, "{}", self.ink.paint(style, line))?;
        }
        Ok(())
    }
}

/// What was done to a copy, with what its signature became.
fn done(edited: &Edited, sent: &Sent) -> Vec<String> {
    let mut done = edited.done.clone();
    if edited.draft.sign.is_none() {
        return done;
    }
    let verdict = sent.copy.as_ref().map(|copy| &copy.request.verdict);
    done.push(match verdict {
        _ if sent.with_given => "signed anew with the secret of --sign-with".to_owned(),
        Some(Verdict::Valid { scheme, secret }) => {
            format!("signed anew ({scheme}, secret `{secret}`)")
        }
        _ => "signed anew".to_owned(),
    });
    done
}
