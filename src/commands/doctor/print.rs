//! Telling how checks came out.

use std::io::{self, IsTerminal as _, Write as _};

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

    /// Tells one.
    ///
    /// # Errors
    /// Those of standard output and of the jq expression.
    pub(super) fn say(&mut self, check: &Check) -> anyhow::Result<()> {
        self.tally.add(check.status);
        let is_first = self.group.is_none();
        let is_next = self.group.replace(check.group()) != Some(check.group());
        match &self.form {
            Form::Json { output, .. } => output.write_line(CheckObject {
                r#type: "check",
                id: check.id,
                status: check.status.name(),
                title: check.title(),
                found: &check.found,
                cure: check.cure.as_deref(),
            }),
            Form::Plain(ink) => Ok(plain(ink, check)?),
            Form::Terminal(ink) => {
                let mut out = io::stdout().lock();
                if is_next {
                    let title = ink.paint(BOLD, check.group().title());
                    let line = if is_first { "" } else { "\n" };
                    writeln!(out, "{line}{title}")?;
                }
                drop(out);
                Ok(painted(ink, check)?)
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

/// `fail  Takes connections: …`, and the cure below.
fn plain(ink: &Ink, check: &Check) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (style, _) = mark(check.status);
    let word = format!("{:<4}", check.status.name());
    let (word, found) = (ink.paint(style, &word), shown(&check.found));
    writeln!(out, "{word}  {}: {found}", check.title())?;
    if let Some(cure) = &check.cure {
        writeln!(out, "      cure: {}", shown(cure))?;
    }
    out.flush()
}

fn painted(ink: &Ink, check: &Check) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let (style, sign) = mark(check.status);
    let width = terminal_size::terminal_size().map_or(80, |(width, _)| usize::from(width.0));
    let width = width.min(WIDEST).saturating_sub(6).max(20);
    let first = format!("{}: {}", check.title(), shown(&check.found));
    for (at, line) in folded(&first, width).into_iter().enumerate() {
        let text = match check.status {
            Status::Skip => ink.paint(DIM, &line),
            Status::Warn | Status::Fail if at == 0 => ink.paint(style, &line),
            _ => line.as_str().into(),
        };
        if at == 0 {
            writeln!(out, "  {} {text}", ink.paint(style, sign))?;
        } else {
            writeln!(out, "    {text}")?;
        }
    }
    if let Some(cure) = &check.cure {
        let lines = folded(&format!("cure: {}", shown(cure)), width - 2);
        for (at, line) in lines.into_iter().enumerate() {
            let indent = if at == 0 { "      " } else { "            " };
            writeln!(out, "{indent}{line}")?;
        }
    }
    out.flush()
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
