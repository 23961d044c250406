//! `cmhook show`.

mod body;
mod detail;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::sync::Arc;

use super::Outcome;
use super::ink::{Ink, value};
use super::json_output::{DELIVERY_FIELDS, JsonOutput};
use super::register::registered_for;
use super::select::{Needed, select};
use super::setup::{Setup, color};
use crate::cakemail::diagnosis::Keys;
use crate::cakemail::signature::Secret;
use crate::cli::{SelectArgs, ShowArgs};
use crate::config::ConfigError;
use crate::delivery::{self, Answer, Attempt, Headers, Kept, Registration};
use crate::payload::body::as_text;
use crate::wire::Object;

pub(super) fn run(args: &ShowArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        raw.color = args.color.color.map(color);
    })?;
    let Some(chosen) = select(&setup, &args.select, Needed::OrLast)? else {
        return Ok(Outcome::No);
    };
    if args.json.wanted() {
        let color = setup.settings.output.color;
        let json = JsonOutput::new(&args.json, &DELIVERY_FIELDS, color)?;
        match &chosen[..] {
            // Whether there is a list depends on what was asked for, not on what was found.
            [one] if is_one(&args.select) => json.write_one(Object::from(one))?,
            several => json.write_all(several.iter().map(Object::from))?,
        }
        return Ok(Outcome::Fine);
    }
    let out = io::stdout().lock();
    let terminal = out.is_terminal();
    let mut out = BufWriter::new(out);
    let show = Show {
        args,
        ink: Ink::new(setup.settings.output.color, terminal),
        terminal,
        secrets: &setup.settings.secrets,
        webhooks: registered_for(&setup),
    };
    let mut outcome = Outcome::Fine;
    for (at, kept) in chosen.iter().enumerate() {
        if at > 0 && !args.body {
            writeln!(out)?;
        }
        if show.one(&mut out, kept)? == Outcome::No {
            outcome = Outcome::No;
        }
    }
    out.flush()?;
    Ok(outcome)
}

/// Whether no more than one delivery can be meant.
fn is_one(select: &SelectArgs) -> bool {
    match &select.ids[..] {
        [] => select.filter.is_none(),
        [word] => select.filter.is_none() && !word.contains(".."),
        _ => false,
    }
}

struct Show<'a> {
    args: &'a ShowArgs,
    ink: Ink,
    terminal: bool,
    secrets: &'a [Secret],
    /// Those that the store's running listener has registered.
    webhooks: Arc<[Arc<Registration>]>,
}

impl Show<'_> {
    fn one(&self, out: &mut impl Write, kept: &Kept) -> anyhow::Result<Outcome> {
        let Some(attempts) = self.attempts(kept) else {
            out.flush()?;
            return no(
                kept,
                &format!("has no attempt {}", self.args.attempt.unwrap_or(0)),
            );
        };
        let request = &kept.delivery.request;
        if !self.args.response {
            if self.args.body {
                self.exact(out, &request.body)?;
            } else if self.args.headers {
                fields(out, &request.headers)?;
            } else {
                let webhooks = Arc::clone(&self.webhooks);
                let keys = Keys::of(self.secrets, webhooks);
                detail::write(out, &self.ink, kept, &attempts, (self.secrets, &keys))?;
            }
            return Ok(Outcome::Fine);
        }
        match attempts.last().map(|attempt| (attempt, &attempt.outcome)) {
            Some((attempt, delivery::Outcome::Answered(answer))) => {
                self.response(out, attempt, answer)?;
                Ok(Outcome::Fine)
            }
            Some((attempt, delivery::Outcome::Failed(failure))) => {
                out.flush()?;
                let why = format!(
                    "got no response at attempt {}: {}",
                    attempt.n, failure.message
                );
                no(kept, &why)
            }
            None => {
                out.flush()?;
                no(kept, "was never forwarded, so there is no response")
            }
        }
    }

    /// The attempts that are meant; `None` where the one that is named is not there.
    fn attempts<'k>(&self, kept: &'k Kept) -> Option<Vec<&'k Attempt>> {
        let mut attempts = kept.attempts.iter().map(|attempt| &**attempt);
        match self.args.attempt {
            None => Some(attempts.collect()),
            Some(n) => attempts.find(|attempt| attempt.n == n).map(|one| vec![one]),
        }
    }

    fn response(
        &self,
        out: &mut impl Write,
        attempt: &Attempt,
        answer: &Answer,
    ) -> anyhow::Result<()> {
        if self.args.body {
            return self.exact(out, &answer.body);
        }
        if self.args.headers {
            return Ok(fields(out, &answer.headers)?);
        }
        Ok(detail::response(out, &self.ink, attempt, answer, "")?)
    }

    /// The bytes and nothing else, unless a terminal would act on them.
    fn exact(&self, out: &mut impl Write, bytes: &[u8]) -> anyhow::Result<()> {
        let harmless = as_text(bytes).is_some_and(|text| {
            let acts = |c: char| !"\t\r\n".contains(c) && delivery::is_unsafe_on_terminal(c);
            !text.contains(acts)
        });
        if self.terminal && !harmless && !self.args.force {
            return Err(ConfigError {
                message: "the body holds bytes that a terminal would act on".into(),
                hint: "write it to a file with `> FILE`, or say `--force`".into(),
            }
            .into());
        }
        out.write_all(bytes)?;
        Ok(())
    }
}

/// Header fields as they stand in a request, made harmless.
fn fields(out: &mut impl Write, headers: &Headers) -> io::Result<()> {
    headers
        .iter()
        .try_for_each(|(name, bytes)| writeln!(out, "{name}: {}", value(bytes)))
}

fn no(kept: &Kept, why: &str) -> anyhow::Result<Outcome> {
    let why = delivery::escape_for_terminal(why);
    writeln!(io::stderr(), "#{} {why}.", kept.delivery.id)?;
    Ok(Outcome::No)
}
