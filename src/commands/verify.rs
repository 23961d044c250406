//! `cmhook verify`.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use super::ink::{BOLD, DIM, Ink, RED, YELLOW, shown};
use super::json_output::JsonOutput;
use super::select::{Named, Needed, named, select};
use super::setup::{Setup, color, meant, with_secrets};
use super::sign::no_secret;
use super::{Outcome, body_input};
use crate::cakemail::diagnosis::{Case, Diagnosis, Finding, diagnose};
use crate::cakemail::signature::{Claim, Secret};
use crate::cakemail::verify::likely_claims;
use crate::cli::VerifyArgs;
use crate::config::ConfigError;
use crate::delivery::{Headers, Kept, Verdict};
use crate::wire::{FindingObject, Verification};

/// What was judged, with its id and event where it is a kept delivery.
struct Judged {
    delivery: Option<(u64, String)>,
    diagnosis: Diagnosis,
}

pub(super) fn run(args: &VerifyArgs, config: Option<&Path>) -> anyhow::Result<Outcome> {
    let setup = Setup::read(config, &args.store, |raw| {
        with_secrets(raw, &args.secrets);
        raw.color = args.color.color.map(color);
    })?;
    let color = setup.settings.output.color;
    let wanted = args.json.wanted();
    let json = wanted.then(|| JsonOutput::new(&args.json, &Verification::FIELDS, color));
    let json = json.transpose()?;
    let known = &setup.settings.secrets[..];
    if known.is_empty() {
        return Err(no_secret("verify").into());
    }
    let (secrets, others) = meant(known, &args.secrets);
    let judge = Judge { secrets, others };
    let judged = if from_store(args) {
        let Some(chosen) = select(&setup, &args.select, Needed::Named)? else {
            return Ok(Outcome::No);
        };
        chosen.iter().map(|kept| judge.kept(kept)).collect()
    } else {
        vec![judge.given(args)?]
    };
    match json {
        Some(json) if is_list(args)? => json.write_all(judged.iter().map(Judged::object))?,
        Some(json) => judged
            .iter()
            .try_for_each(|one| json.write_one(one.object()))?,
        None => say(&judged, &Ink::new(color, io::stdout().is_terminal()))?,
    }
    let valid = judged.iter().all(|one| one.diagnosis.verdict.is_valid());
    Ok(if valid { Outcome::Fine } else { Outcome::No })
}

fn from_store(args: &VerifyArgs) -> bool {
    !args.select.ids.is_empty() || args.select.filter.is_some()
}

/// Whether the arguments can mean several deliveries, which JSON writes as an array whatever
/// is found.
fn is_list(args: &VerifyArgs) -> Result<bool, ConfigError> {
    let one = |name: &Named| matches!(name, Named::One(_) | Named::Last(_));
    let is_one = match &named(&args.select.ids)?[..] {
        [name] => one(name) && args.select.filter.is_none(),
        _ => false,
    };
    Ok(from_store(args) && !is_one)
}

/// With what to judge.
struct Judge<'a> {
    secrets: &'a [Secret],
    others: &'a [Secret],
}

impl Judge<'_> {
    fn kept(&self, kept: &Kept) -> Judged {
        let request = &kept.delivery.request;
        let claims = likely_claims(&request.headers);
        let event = request.event.as_deref().unwrap_or("no event");
        Judged {
            delivery: Some((kept.delivery.id, event.to_owned())),
            diagnosis: self.case(&claims, &request.headers, &request.body),
        }
    }

    /// What the arguments and standard input hold.
    fn given(&self, args: &VerifyArgs) -> Result<Judged, ConfigError> {
        if args.signature.is_none() && args.header.is_empty() {
            return Err(ConfigError {
                message: "there is no signature to verify".into(),
                hint: "give it with `--signature SIG` or `--header 'X-Cakemail-Signature: …'`, or name a kept delivery by id".into(),
            });
        }
        let fields = args.header.iter().map(|text| header(text));
        let headers: Headers = fields.collect::<Result<Vec<_>, _>>()?.into_iter().collect();
        let alone = args.signature.as_deref().map(|value| Claim {
            header: None,
            value: value.trim().as_bytes(),
        });
        let claims: Vec<_> = alone.into_iter().chain(likely_claims(&headers)).collect();
        let body = body_input::read(args.body.as_deref())?;
        Ok(Judged {
            delivery: None,
            diagnosis: self.case(&claims, &headers, &body),
        })
    }

    fn case(&self, claims: &[Claim<'_>], headers: &Headers, body: &[u8]) -> Diagnosis {
        diagnose(&Case {
            secrets: self.secrets,
            others: self.others,
            claims,
            headers,
            body,
        })
    }
}

/// A header as it is written in a request. No message has its value, which may be a password.
fn header(text: &str) -> Result<(String, String), ConfigError> {
    let wrong = |which: &str, what: &str| ConfigError {
        message: format!("{which} {what}"),
        hint: "write it as in a request, such as `--header 'X-Signature: …'`".into(),
    };
    let some = "a `--header`";
    let split = text.split_once(':');
    let (name, value) = split.ok_or_else(|| wrong(some, "has no colon"))?;
    let (name, value) = (name.trim(), value.trim());
    if name.is_empty() {
        return Err(wrong(some, "has no name"));
    }
    if [name, value].concat().contains(['\r', '\n']) {
        let named = format!("`--header {}`", name.escape_debug());
        return Err(wrong(&named, "has a line end in it"));
    }
    Ok((name.to_ascii_lowercase(), value.to_owned()))
}

impl Judged {
    fn object(&self) -> Verification<'_> {
        let findings = self.diagnosis.findings.iter().map(|one| FindingObject {
            code: one.code,
            message: &one.message,
            fix: &one.fix,
        });
        let id = self.delivery.as_ref().map(|(id, _)| *id);
        Verification::new(id, &self.diagnosis.verdict, findings.collect())
    }
}

fn say(judged: &[Judged], ink: &Ink) -> io::Result<()> {
    let mut out = BufWriter::new(io::stdout().lock());
    for one in judged {
        if let Some((id, event)) = &one.delivery {
            let id = format!("#{id}");
            write!(
                out,
                "{}  {}  ",
                ink.paint(BOLD, &id),
                ink.paint(BOLD, &shown(event))
            )?;
        }
        let verdict = &one.diagnosis.verdict;
        writeln!(out, "{}", ink.verdict(verdict))?;
        findings(&mut out, ink, verdict, &one.diagnosis.findings)?;
    }
    out.flush()
}

/// Each with its cause on a line and its cure on the next.
///
/// # Errors
/// Those of `out`.
pub(super) fn findings(
    out: &mut impl Write,
    ink: &Ink,
    verdict: &Verdict,
    findings: &[Finding],
) -> io::Result<()> {
    let style = if verdict.is_valid() { YELLOW } else { RED };
    for one in findings {
        let code = format!("[{}]", one.code);
        let message = shown(&one.message);
        writeln!(
            out,
            "  {} {}",
            ink.paint(style, &message),
            ink.paint(DIM, &code)
        )?;
        writeln!(out, "  fix: {}", shown(&one.fix))?;
    }
    Ok(())
}
