//! What is sent: samples, or a file's bytes, with values set in them.

use std::io::Read as _;
use std::path::Path as FilePath;

use anyhow::Context as _;
use bytes::Bytes;
use jiff::Timestamp;

use crate::cakemail::event::{self, EventPattern};
use crate::cakemail::sample::{self, Envelope, Sample};
use crate::capture::trigger::random_seed;
use crate::capture::trigger::request::Payload;
use crate::cli::TriggerArgs;
use crate::config::{ConfigError, unknown_event};
use crate::payload::Path;
use crate::payload::edit;

/// The payloads of one run, made when they are sent.
#[derive(Debug)]
pub(super) struct Payloads {
    source: Source,
    edits: Vec<Edit>,
    count: u64,
}

#[derive(Debug)]
enum Source {
    Samples {
        samples: Vec<&'static Sample>,
        envelope: Option<Envelope>,
        seed: u64,
        // Whether times are the seed's too.
        seeded: bool,
    },
    File {
        body: Bytes,
        event: Option<Box<str>>,
    },
}

#[derive(Debug)]
struct Edit {
    written: String,
    path: Path,
    json: String,
}

impl Payloads {
    /// From the flags. Nothing that they ask for fails later.
    ///
    /// # Errors
    /// At an event that there is not, a value that cannot be set, a file that cannot be read.
    pub(super) fn read(args: &TriggerArgs) -> anyhow::Result<Self> {
        let edits = args.payload.set.iter().map(|text| Edit::read(text));
        let edits = edits.collect::<Result<Vec<_>, _>>()?;
        let source = match &args.payload.from_file {
            Some(file) => from_file(file, &args.events)?,
            None => from_samples(args)?,
        };
        let payloads = Self {
            source,
            edits,
            count: args.sending.count,
        };
        for n in 0..payloads.kinds() {
            payloads.made(n)?;
        }
        Ok(payloads)
    }

    /// How many there are.
    pub(super) fn len(&self) -> u64 {
        self.kinds().saturating_mul(self.count)
    }

    fn kinds(&self) -> u64 {
        match &self.source {
            Source::Samples { samples, .. } => samples.len() as u64,
            Source::File { .. } => 1,
        }
    }

    /// Columns that the longest event name takes, where that is known.
    pub(super) fn width(&self) -> usize {
        match &self.source {
            Source::Samples { samples, .. } => {
                let lengths = samples.iter().map(|sample| sample.name().len());
                lengths.max().unwrap_or(0)
            }
            Source::File { .. } => 0,
        }
    }

    /// The n-th, counted from 0: each event once, then each again of another contact.
    ///
    /// # Errors
    /// None that [`Payloads::read`] has not met.
    pub(super) fn made(&self, n: u64) -> Result<Payload, ConfigError> {
        let (mut body, named) = match &self.source {
            Source::Samples {
                samples,
                envelope,
                seed,
                seeded,
            } => {
                let kinds = self.kinds().max(1);
                let sample = samples[usize::try_from(n % kinds).unwrap_or(0)];
                let seed = seed.wrapping_add(n / kinds);
                let at = if *seeded {
                    sample::time_of(seed)
                } else {
                    Timestamp::now()
                };
                let envelope = envelope.unwrap_or(sample.envelope());
                (sample.body(envelope, seed, at).into(), None)
            }
            Source::File { body, event } => (body.clone(), event.clone()),
        };
        for edit in &self.edits {
            body = edit.apply(&body)?.into();
        }
        let event = event::name_in(&body);
        Ok(Payload {
            signed_as: named.or_else(|| event.clone()),
            event,
            body,
        })
    }
}

impl Edit {
    fn read(text: &str) -> Result<Self, ConfigError> {
        // A `=` may stand in quotes in the path, so the first one behind a path is meant.
        let at = text.match_indices('=').map(|(at, _)| at);
        let split = at
            .map(|at| (&text[..at], &text[at + 1..]))
            .find_map(|(path, value)| Some((path.parse::<Path>().ok()?, value)));
        let Some((path, value)) = split else {
            let path = text.split('=').next().unwrap_or_default();
            return Err(match path.parse::<Path>() {
                Ok(_) => refused(text, "has no `=`"),
                Err(bad) => refused(text, bad.problem),
            });
        };
        Ok(Self {
            written: text.to_owned(),
            path,
            json: edit::value(value),
        })
    }

    fn apply(&self, body: &[u8]) -> Result<Vec<u8>, ConfigError> {
        edit::set(body, &self.path, &self.json)
            .map_err(|error| refused(&self.written, &error.to_string()))
    }
}

fn refused(written: &str, why: &str) -> ConfigError {
    ConfigError {
        message: format!("`--set {}`: {why}", written.escape_debug()),
        hint: "write it as `--set data.email=a@example.com`; `--print` shows the payload".into(),
    }
}

fn from_file(file: &FilePath, events: &[String]) -> anyhow::Result<Source> {
    let event = match events {
        [] => None,
        [event] if !event.contains(['*', '?']) => Some(event.as_str().into()),
        _ => {
            return Err(ConfigError {
                message: "a file is one event, and several are named".into(),
                hint: "name one beside `--from-file`, or none".into(),
            }
            .into());
        }
    };
    let mut body = Vec::new();
    let read = if file == FilePath::new("-") {
        std::io::stdin().lock().read_to_end(&mut body).map(drop)
    } else {
        std::fs::read(file).map(|bytes| body = bytes)
    };
    read.map_err(|error| ConfigError {
        message: format!("cannot read `{}`: {error}", file.display()),
        hint: "name a file with a payload in it".into(),
    })?;
    Ok(Source::File {
        body: body.into(),
        event,
    })
}

fn from_samples(args: &TriggerArgs) -> anyhow::Result<Source> {
    if args.events.is_empty() {
        return Err(ConfigError {
            message: "no event is named".into(),
            hint: "name one such as `email.bounced`; `cmhook trigger --list` lists all".into(),
        }
        .into());
    }
    let seed = args.payload.seed;
    Ok(Source::Samples {
        samples: named(&args.events)?,
        envelope: args.payload.envelope,
        seed: match seed {
            Some(seed) => seed,
            None => random_seed().context("the system gives no random numbers")?,
        },
        seeded: seed.is_some(),
    })
}

/// The samples that these words mean, in their order.
///
/// # Errors
/// At the first that means none.
pub(super) fn named(events: &[String]) -> Result<Vec<&'static Sample>, ConfigError> {
    let mut samples = Vec::new();
    for text in events {
        let pattern: EventPattern = text.parse().map_err(|_| unknown_event(text, None))?;
        let names = pattern.names();
        if names.is_empty() {
            return Err(unknown_event(text, pattern.suggestion().as_deref()));
        }
        samples.extend(names.into_iter().filter_map(sample::find));
    }
    Ok(samples)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_set_is_split_behind_the_path() {
        for (text, path, json) in [
            ("data.email=a@b.c", "data.email", "\"a@b.c\""),
            ("a=", "a", "\"\""),
            ("a=b=c", "a", "\"b=c\""),
            ("data[\"x=y\"]=1", "data[\"x=y\"]", "1"),
            ("a= {\"b\": 1} ", "a", "{\"b\": 1}"),
        ] {
            let edit = Edit::read(text).unwrap();
            assert_eq!(edit.path, path.parse().unwrap(), "{text}");
            assert_eq!(edit.json, json, "{text}");
        }
        for (text, why) in [
            ("data.email", "has no `=`"),
            ("=5", "it is empty"),
            ("a..b=1", "a name is missing"),
            ("", "it is empty"),
        ] {
            let error = Edit::read(text).unwrap_err();
            assert!(error.message.ends_with(why), "{}", error.message);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_taken_or_refused(text in "[a.=\\[\\]\"0-9\u{e9}-]{0,12}|\\PC{0,12}|.{0,12}") {
            if let Ok(edit) = Edit::read(&text) {
                let _ = edit.apply(br#"{"a":[1],"data":{}}"#);
            }
            match named(std::slice::from_ref(&text)) {
                Ok(samples) => prop_assert!(!samples.is_empty()),
                Err(error) => prop_assert!(!error.message.contains(char::is_control)),
            }
        }
    }
}
