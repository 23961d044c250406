//! Telling how checks came out.

use std::io::{self, IsTerminal as _, Write};

use anstyle::Style;
use serde::Serialize;

use crate::check::{Check, Group, Status, Tally};
use crate::cli::JsonArgs;
use crate::commands::ink::{BOLD, DIM, GREEN, Ink, RED, YELLOW, shown};
use crate::commands::json_output::JsonOutput;
use crate::config::{Color, ConfigError};

/// The fields of a check.
const FIELDS: [&str; 6] = ["type", "id", "status", "title", "found", "cure"];

/// A check in JSON.
#[derive(Serialize)]
struct CheckObject<'a> {
    r#type: &'static str,
    id: &'static str,
    status: &'static str,
    title: &'static str,
    found: &'a str,
    cure: Option<&'a str>,
}

/// How many came out how, in JSON.
#[derive(Serialize)]
struct SummaryObject {
    r#type: &'static str,
    ok: usize,
    warn: usize,
    fail: usize,
    skip: usize,
}

enum Form {
    Json {
        output: JsonOutput,
        has_fields: bool,
    },
    Terminal(Ink),
    Plain(Ink),
}

/// Tells, and counts.
pub(super) struct Told {
    form: Form,
    group: Option<Group>,
    tally: Tally,
}

/// The longest text on a line of a terminal, cures included.
const WIDEST: usize = 100;

impl Told {
    /// As the flags want it.
    pub(super) fn new(args: &JsonArgs, color: Color) -> Result<Self, ConfigError> {
        let terminal = io::stdout().is_terminal();
        let ink = Ink::new(color, terminal);
        let form = if args.wanted() {
            Form::Json {
                output: JsonOutput::new(args, &FIELDS, color)?,
                has_fields: args
                    .json
                    .iter()
                    .flatten()
                    .any(|field| !field.trim().is_empty()),
            }
        } else if terminal {
            Form::Terminal(ink)
        } else {
            Form::Plain(ink)
        };
        Ok(Self {
            form,
            group: None,
            tally: Tally::default(),
        })
    }

    /// Tells those that came out together.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn say(&mut self, checks: &[Check]) -> anyhow::Result<()> {
        for check in checks {
            self.tally.add(check.status);
        }
        match &self.form {
            Form::Json { output, .. } => checks.iter().try_for_each(|check| {
                output.write_line(CheckObject {
                    r#type: "check",
                    id: check.id,
                    status: check.status.name(),
                    title: check.title(),
                    found: &check.found,
                    cure: check.cure.as_deref(),
                })
            }),
            Form::Plain(ink) => {
                let mut out = io::stdout().lock();
                for alike in checks.chunk_by(are_alike) {
                    plain(&mut out, ink, alike)?;
                }
                Ok(out.flush()?)
            }
            Form::Terminal(ink) => {
                let mut out = io::stdout().lock();
                for alike in checks.chunk_by(are_alike) {
                    let group = alike.first().map(Check::group);
                    if self.group != group {
                        let line = if self.group.is_none() { "" } else { "\n" };
                        let title = ink.paint(BOLD, group.map_or("", Group::title));
                        writeln!(out, "{line}{title}")?;
                        self.group = group;
                    }
                    painted(&mut out, ink, alike)?;
                }
                Ok(out.flush()?)
            }
        }
    }

    /// Tells how many came out how, and whether all is well.
    ///
    /// # Errors
    /// As [`Told::say`].
    pub(super) fn end(self) -> anyhow::Result<Tally> {
        let tally = self.tally;
        match &self.form {
            // Whoever picks fields of checks wants checks.
            Form::Json {
                has_fields: true, ..
            } => {}
            Form::Json { output, .. } => output.write_line(SummaryObject {
                r#type: "summary",
                ok: tally.ok,
                warn: tally.warned,
                fail: tally.failed,
                skip: tally.skipped,
            })?,
            Form::Plain(_) => writeln!(io::stdout(), "{}", tally.words())?,
            Form::Terminal(ink) => {
                let style = match (tally.failed, tally.warned) {
                    (1.., _) => RED,
                    (0, 1..) => YELLOW,
                    (0, 0) => GREEN,
                };
                writeln!(io::stdout(), "\n{}", ink.paint(style, &tally.words()))?;
            }
        }
        Ok(tally)
    }
}

const fn mark(status: Status) -> (Style, &'static str) {
    match status {
        Status::Ok => (GREEN, "✓"),
        Status::Skip => (DIM, "–"),
        Status::Warn => (YELLOW, "!"),
        Status::Fail => (RED, "✗"),
    }
}

/// Whether people need to read it once only: both were left out, and for the same reason.
fn are_alike(one: &Check, other: &Check) -> bool {
    one.status == Status::Skip && other.status == Status::Skip && one.found == other.found
}

/// Their titles, and what was found.
fn line(alike: &[Check]) -> String {
    let titles: Vec<_> = alike.iter().map(Check::title).collect();
    let found = alike.first().map_or("", |check| &check.found);
    format!("{}: {}", titles.join(", "), shown(found))
}

fn cure(alike: &[Check]) -> Option<&str> {
    alike.iter().find_map(|check| check.cure.as_deref())
}

fn status(alike: &[Check]) -> Status {
    alike.first().map_or(Status::Skip, |check| check.status)
}

/// `fail  Takes connections: …`, and the cure below.
fn plain(out: &mut impl Write, ink: &Ink, alike: &[Check]) -> io::Result<()> {
    let status = status(alike);
    let word = format!("{:<4}", status.name());
    writeln!(out, "{}  {}", ink.paint(mark(status).0, &word), line(alike))?;
    if let Some(cure) = cure(alike) {
        writeln!(out, "      cure: {}", shown(cure))?;
    }
    Ok(())
}

fn painted(out: &mut impl Write, ink: &Ink, alike: &[Check]) -> io::Result<()> {
    let status = status(alike);
    let (style, sign) = mark(status);
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let width = width.min(WIDEST).saturating_sub(6).max(20);
    for (at, line) in folded(&line(alike), width).into_iter().enumerate() {
        let text = match status {
            Status::Ok => line.as_str().into(),
            _ => ink.paint(style, &line),
        };
        if at == 0 {
            writeln!(out, "  {} {text}", ink.paint(style, sign))?;
        } else {
            writeln!(out, "    {text}")?;
        }
    }
    if let Some(cure) = cure(alike) {
        for (at, line) in folded(&shown(cure), width - 8).into_iter().enumerate() {
            let label = if at == 0 { "cure: " } else { "      " };
            writeln!(out, "      {label}{line}")?;
        }
    }
    Ok(())
}

/// Broken at spaces into lines of at most so many columns; a longer word stays whole, so
/// that it can be copied.
fn folded(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line)
                if unicode_width::UnicodeWidthStr::width(&**line)
                    + 1
                    + unicode_width::UnicodeWidthStr::width(word)
                    <= width =>
            {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_broken_at_spaces() {
        assert_eq!(folded("ab cd efghijkl m", 5), ["ab cd", "efghijkl", "m"]);
        assert_eq!(folded("", 5), [""]);
    }
}
