//! `cmhook diff`.

pub(super) mod human;

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;
use std::time::Duration;

use super::Outcome;
use super::ink::{GREEN, Ink, RED, shown};
use super::json_output::JsonOutput;
use super::select::{Named, choose, named};
use super::setup::{Setup, color};
use crate::cli::DiffArgs;
use crate::compare::{RequestChange, ResponseChange, Rules};
use crate::config::ConfigError;
use crate::delivery::{Attempt, Kept};
use crate::wire::{self, Diff};

/// Lines are compared for so long before the result gets coarser.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn run(args: &DiffArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        raw.color = args.color.color.map(color);
    })?;
    let asked = asked(args)?;
    let kept = setup.kept()?;
    let Some((a, b)) = sides(&asked, &kept)? else {
        return Ok(Outcome::No);
    };
    let rules = Rules {
        ignore: &args.ignore,
        patience: PATIENCE,
    };
    let request = RequestChange::of(&a.kept.delivery, &b.kept.delivery, &rules);
    let response = ResponseChange::of(a.attempt(), b.attempt(), &rules);
    let same = request.is_none() && response.is_none();
    let color = setup.settings.output.color;
    if args.json.wanted() {
        let json = JsonOutput::new(&args.json, &Diff::FIELDS, color)?;
        json.write_one(Diff::new(a.object(), b.object(), &request, &response))?;
    } else if same {
        writeln!(io::stderr(), "No difference.")?;
    } else {
        let out = io::stdout().lock();
        let ink = Ink::new(color, out.is_terminal());
        let mut out = BufWriter::new(out);
        a.head(&mut out, &ink, "---")?;
        b.head(&mut out, &ink, "+++")?;
        human::request(&mut out, &ink, &request)?;
        human::response(&mut out, &ink, &response)?;
        out.flush()?;
    }
    Ok(if same { Outcome::Fine } else { Outcome::No })
}

/// What an argument names: a delivery and perhaps an attempt.
#[derive(Debug, Clone, Copy)]
struct Asked {
    name: Named,
    attempt: Option<u32>,
}

fn asked(args: &DiffArgs) -> Result<Vec<Asked>, ConfigError> {
    let one = |text: &String| {
        let mistake = |message: String| ConfigError {
            message,
            hint: "write `42`, `last` or, for an attempt, `42@1`".into(),
        };
        let (name, attempt) = match text.split_once('@') {
            None => (text.clone(), None),
            Some((name, n)) => {
                let bad = || {
                    let n = n.escape_debug();
                    mistake(format!("`{n}` is not the number of an attempt"))
                };
                (name.to_owned(), Some(n.parse().map_err(|_| bad())?))
            }
        };
        let names = named(std::slice::from_ref(&name))?;
        match names[..] {
            [name @ (Named::One(_) | Named::Last(_))] => Ok(Asked { name, attempt }),
            _ => Err(mistake(format!(
                "`{}` may be several deliveries, and two are compared",
                name.escape_debug()
            ))),
        }
    };
    let mut asked: Vec<Asked> = args.deliveries.iter().map(one).collect::<Result<_, _>>()?;
    if let Some(attempts) = &args.attempts {
        let [only] = asked[..] else {
            return Err(ConfigError {
                message: "`--attempts` compares two attempts of one delivery".into(),
                hint: "name one delivery, or write `41@1 42@1`".into(),
            });
        };
        let with = |n: &u32| Asked {
            attempt: Some(*n),
            ..only
        };
        asked = attempts.iter().map(with).collect();
    }
    Ok(asked)
}

/// One side of a comparison.
struct Side {
    kept: Kept,
    // The attempt that was named.
    n: Option<u32>,
}

impl Side {
    fn attempt(&self) -> Option<&Attempt> {
        match self.n {
            None => self.kept.newest(),
            Some(n) => self.kept.attempts.iter().find(|a| a.n == n).map(|a| &**a),
        }
    }

    fn object(&self) -> wire::Side {
        wire::Side {
            delivery: self.kept.delivery.id,
            attempt: self.attempt().map(|attempt| attempt.n),
        }
    }

    fn head(&self, out: &mut impl Write, ink: &Ink, sign: &str) -> io::Result<()> {
        let request = &self.kept.delivery.request;
        let event = shown(request.event.as_deref().unwrap_or("no event"));
        let attempt = self.n.map_or_else(String::new, |n| format!("@{n}"));
        let at = match self.n.and_then(|_| self.attempt()) {
            Some(attempt) => attempt.started_at,
            None => request.received_at,
        };
        let line = format!(
            "{sign} #{}{attempt}  {event}  {}",
            self.kept.delivery.id,
            ink.time(at)
        );
        let style = if sign == "---" { RED } else { GREEN };
        writeln!(out, "{}", ink.paint(style | anstyle::Effects::BOLD, &line))
    }
}

/// Both sides; `None` where one of them is not there, which is said.
fn sides(asked: &[Asked], kept: &[Kept]) -> anyhow::Result<Option<(Side, Side)>> {
    let find = |asked: &Asked| -> anyhow::Result<Option<Side>> {
        let Some(kept) = choose(kept, &[asked.name])?.pop() else {
            return Ok(None);
        };
        let side = Side {
            kept,
            n: asked.attempt,
        };
        if let (Some(n), None) = (side.n, side.attempt()) {
            let id = side.kept.delivery.id;
            writeln!(io::stderr(), "#{id} has no attempt {n}.")?;
            return Ok(None);
        }
        Ok(Some(side))
    };
    let pair = match asked {
        [one] => {
            let Some(copy) = find(one)? else {
                return Ok(None);
            };
            let Some(original) = copy.kept.delivery.request.original else {
                return Err(ConfigError {
                    message: format!("#{} is no edited copy of a delivery", copy.kept.delivery.id),
                    hint: "name two deliveries, or two attempts as in `42@1 42@2`".into(),
                }
                .into());
            };
            let original = Asked {
                name: Named::One(original),
                attempt: None,
            };
            (find(&original)?, Some(copy))
        }
        [a, b] => (find(a)?, find(b)?),
        _ => (None, None),
    };
    Ok(pair.0.zip(pair.1))
}
