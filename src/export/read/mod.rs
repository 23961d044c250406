//! Deliveries from files: fixtures, HAR, and the JSON that this program writes.
//!
//! A file is a sequence of JSON values, and what each is shows in its fields, so that
//! fixtures may stand behind each other in one file and a name's ending means nothing.
//! Files come from strangers: what is read at once is one delivery, in types that take no
//! more memory than a few times its text.

pub(super) mod fields;
mod fixture;
mod har;
mod objects;
#[cfg(test)]
pub(super) mod tests;

use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed as _, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::delivery::Kept;
use objects::Objects;

/// A file that holds no deliveries as they can be taken in. None of it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct ReadError {
    /// The file's name as it was given.
    pub name: String,
    /// The line, counted from 1.
    pub line: usize,
    /// The field, as a path such as `request.headers`; empty where it is no field's fault.
    pub field: String,
    /// What is wrong, without a final period.
    pub problem: String,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`, line {}: ", self.name, self.line)?;
        if !self.field.is_empty() {
            write!(f, "`{}`: ", self.field)?;
        }
        f.write_str(&self.problem)
    }
}

impl ReadError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        "files are fixtures (docs/fixtures.md), HAR, or JSON as `cmhook listen --json` and `cmhook export` write it"
    }
}

/// What is wrong with one value of a file.
#[derive(Debug, PartialEq, Eq)]
struct Problem {
    /// Counted from 1, within the value.
    line: usize,
    field: String,
    what: String,
}

impl From<String> for Problem {
    fn from(problem: String) -> Self {
        Self {
            line: 1,
            field: String::new(),
            what: problem,
        }
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self {
            line: error.line().max(1),
            field: String::new(),
            what: without_place(&error),
        }
    }
}

/// The message without ` at line 1 column 2`, which counts from somewhere else.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rfind(" at line ") {
        Some(at) if error.line() > 0 => text[..at].to_owned(),
        _ => text,
    }
}

/// Reads a value into a type, and names the field that does not fit.
fn typed<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_str(text);
    serde_path_to_error::deserialize(&mut json).map_err(|error| Problem {
        line: error.inner().line().max(1),
        field: match error.path().to_string() {
            path if path == "." => String::new(),
            path => path,
        },
        what: without_place(error.inner()),
    })
}

/// Reads every delivery of a file, in the file's order, with what apps answered.
///
/// Ids are those that the deliveries had; a fixture has none, and 0. Verdicts are what the
/// file says, with one exception: [`THROW_AWAY`](super::THROW_AWAY) as the label of a
/// valid one says that the signature was checked just now, with the secret in the file.
///
/// # Errors
/// At the first value that is no delivery, and where there is none at all.
pub fn deliveries(name: &str, bytes: &[u8]) -> Result<Vec<Kept>, ReadError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let fail = |line: usize, problem: Problem| ReadError {
        name: name.to_owned(),
        line: line + problem.line - 1,
        field: problem.field,
        problem: problem.what,
    };
    let mut found = Found::default();
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
    let (mut line, mut counted) = (1, 0);
    loop {
        let value = match values.next() {
            None => break,
            Some(Ok(value)) => value.get(),
            Some(Err(error)) => {
                let mut problem = Problem::from(error);
                problem.what = format!("it is not JSON: {}", problem.what);
                return Err(fail(1, problem));
            }
        };
        let start = values.byte_offset() - value.len();
        line += newlines(&bytes[counted..start]);
        counted = start;
        found.take(value).map_err(|problem| fail(line, problem))?;
    }
    let kept = found.finish();
    if kept.is_empty() {
        return Err(fail(
            1,
            Problem::from("there is no delivery in it".to_owned()),
        ));
    }
    Ok(kept)
}

fn newlines(bytes: &[u8]) -> usize {
    bytes.split(|b| *b == b'\n').count() - 1
}

/// What was found so far.
#[derive(Default)]
struct Found {
    kept: Vec<Kept>,
    objects: Objects,
}

/// The fields that tell what a value is.
#[derive(Deserialize)]
struct Marks<'a> {
    #[serde(borrow)]
    cmhook_fixture: Option<&'a RawValue>,
    #[serde(borrow)]
    log: Option<&'a RawValue>,
    #[serde(borrow, rename = "type")]
    kind: Option<&'a RawValue>,
}

impl Found {
    fn take(&mut self, value: &str) -> Result<(), Problem> {
        if value.starts_with('[') {
            return self.take_list(value);
        }
        let unknown = || {
            Problem::from(
                "it is neither a fixture, nor HAR, nor a line of JSON with a `type`".to_owned(),
            )
        };
        if !value.starts_with('{') {
            return Err(unknown());
        }
        let marks: Marks<'_> = typed(value)?;
        if marks.cmhook_fixture.is_some() {
            self.kept.push(fixture::read(value)?);
        } else if marks.kind.is_some() {
            self.objects.take(value, &mut self.kept)?;
        } else if marks.log.is_some() {
            har::read(value, &mut self.kept)?;
        } else {
            return Err(unknown());
        }
        Ok(())
    }

    /// A list is read one element at a time: as a whole it could be all commas.
    fn take_list(&mut self, value: &str) -> Result<(), Problem> {
        let mut wrong = None;
        let list = List {
            found: self,
            whole: value,
            wrong: &mut wrong,
        };
        let mut json = serde_json::Deserializer::from_str(value);
        let read = list.deserialize(&mut json);
        match (read, wrong) {
            (Err(_), Some(problem)) => Err(problem),
            (Err(error), None) => Err(error.into()),
            (Ok(()), _) => Ok(()),
        }
    }

    fn finish(self) -> Vec<Kept> {
        self.kept
    }
}

struct List<'f, 'v> {
    found: &'f mut Found,
    whole: &'v str,
    wrong: &'f mut Option<Problem>,
}

impl<'de> de::DeserializeSeed<'de> for List<'_, '_> {
    type Value = ();

    fn deserialize<D: de::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of deliveries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let mut at = 0;
        while let Some(element) = list.next_element::<&RawValue>()? {
            let text = element.get();
            let taken = if text.starts_with('[') {
                Err(Problem::from("a list stands in the list".to_owned()))
            } else {
                self.found.take(text)
            };
            if let Err(mut problem) = taken {
                // The element is a part of the whole, so its place in it can be counted.
                let start = text.as_ptr().addr() - self.whole.as_ptr().addr();
                problem.line += newlines(&self.whole.as_bytes()[..start]);
                problem.field = match &*problem.field {
                    "" => format!("[{at}]"),
                    field => format!("[{at}].{field}"),
                };
                *self.wrong = Some(problem);
                return Err(de::Error::custom("see `wrong`"));
            }
            at += 1;
        }
        Ok(())
    }
}
