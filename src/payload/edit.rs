//! Changing one value of a payload and no other byte.
//!
//! A payload that is parsed and written anew is another payload: numbers are spelt
//! otherwise, escapes go, keys move. Signatures and the bugs that people replay deliveries
//! for hang on exactly that. So an edit is a splice: the value's own bytes are exchanged,
//! or those of a new member are put in, in the style of its neighbours.
//!
//! Of members with the same key the last counts, as for `JSON.parse`.

use std::fmt;
use std::ops::Range;

use serde::de::IgnoredAny;

use super::path::{Path, Step};
use super::scan::{Kind, Member, NotJson, Text, end_of_value, members, skip_space};
use super::style::{Indent, Style};

/// Why a payload cannot be edited so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    /// The payload is no JSON.
    #[error("the payload is not JSON: {0}")]
    NotJson(NotJson),
    /// The path goes on inside something that has no inside.
    #[error("{path} is {kind}: `{step}` cannot be in it")]
    Through {
        /// The part of the path that leads to it in backticks, or `the payload` without.
        path: String,
        /// What is there.
        kind: &'static str,
        /// The step that would lead on, as paths write it.
        step: String,
    },
    /// An index past the place where an array can grow.
    #[error("{path} has {len} {}: there is no `[{index}]`, and the next one would be `[{len}]`", if *len == 1 { "element" } else { "elements" })]
    Beyond {
        /// The same for the array.
        path: String,
        /// How many elements it has.
        len: usize,
        /// The index that was asked for.
        index: usize,
    },
    /// There is nothing to delete.
    #[error("there is no `{0}` in the payload")]
    Missing(Path),
}

impl EditError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::NotJson(_) => "only JSON payloads can be edited",
            Self::Through { .. } => {
                "`cmhook show` prints the payload; members are reached with `.name`, elements with `[0]`"
            }
            Self::Beyond { .. } => "elements are counted from 0, and one can be added at the end",
            Self::Missing(_) => "`cmhook show` prints the payload",
        }
    }
}

/// The JSON that a value typed on the command line stands for: itself where it is JSON
/// (`5`, `true`, `null`, `{"a":1}`, `"5"`), else the text as a JSON string.
pub fn value(text: &str) -> String {
    if serde_json::from_str::<IgnoredAny>(text).is_ok() {
        text.trim_ascii().to_owned()
    } else {
        serde_json::Value::from(text).to_string()
    }
}

/// The payload with the value at `path` exchanged for `json`, which must be JSON (see
/// [`value`]). What is missing on the way is created: members of objects, the element
/// after an array's last, and objects in the place of `null`.
///
/// # Errors
/// Where the payload is no JSON or the path leads through a text, number or switch.
pub fn set(body: &[u8], path: &Path, json: &str) -> Result<Vec<u8>, EditError> {
    let payload = Text::of(body).map_err(EditError::NotJson)?;
    let text = payload.text;
    let mut at = payload.start;
    let mut style = Style::default();
    for (depth, step) in path.steps().iter().enumerate() {
        let place = Place {
            text,
            at,
            path,
            depth,
        };
        if &text[at..end_of_value(text, at)] == "null" {
            let made = style.nest(&path.steps()[depth..], json);
            let made = made.ok_or_else(|| place.uncreatable(depth))?;
            return Ok(splice(text, at..at + 4, &made));
        }
        let found = find(&place, step)?;
        style.enter(text, at, found.last.as_ref());
        let Some(member) = found.member else {
            let made = style.nest(&path.steps()[depth + 1..], json);
            let made = made.ok_or_else(|| place.uncreatable(depth + 1))?;
            return Ok(insert(&place, step, found.last.as_ref(), &style, &made));
        };
        at = member.value.start;
    }
    Ok(splice(text, at..end_of_value(text, at), json))
}

/// The payload without the member or element at `path`. Members with the same key all go:
/// else an older one would count again.
///
/// # Errors
/// Where the payload is no JSON or there is nothing at `path`.
pub fn delete(body: &[u8], path: &Path) -> Result<Vec<u8>, EditError> {
    let payload = Text::of(body).map_err(EditError::NotJson)?;
    let text = payload.text;
    let mut at = payload.start;
    let missing = || EditError::Missing(path.clone());
    let Some((last, way)) = path.steps().split_last() else {
        return Err(missing());
    };
    for (depth, step) in way.iter().enumerate() {
        let place = Place {
            text,
            at,
            path,
            depth,
        };
        at = match find(&place, step) {
            Ok(Found {
                member: Some(member),
                ..
            }) => member.value.start,
            Ok(_) | Err(_) => return Err(missing()),
        };
    }
    let goes = |(index, member): (usize, &Member)| match last {
        Step::Key(name) => Kind::at(text, at) == Kind::Object && member.is_named(text, name),
        Step::Index(wanted) => Kind::at(text, at) == Kind::Array && index == *wanted,
    };
    if !matches!(Kind::at(text, at), Kind::Object | Kind::Array) {
        return Err(missing());
    }
    without(text, at, goes).ok_or_else(missing)
}

/// Where the walk along the path has come to.
struct Place<'a> {
    text: &'a str,
    // Where the value begins that the next step leads into.
    at: usize,
    path: &'a Path,
    // Steps that were taken.
    depth: usize,
}

impl Place<'_> {
    /// The first `depth` steps of the path for a message.
    fn shown(&self, depth: usize) -> String {
        if depth == 0 {
            return "the payload".to_owned();
        }
        format!("`{}`", Path::from(self.path.steps()[..depth].to_vec()))
    }

    /// Of the steps from `depth` on, the first that is an index past an array's beginning.
    fn uncreatable(&self, depth: usize) -> EditError {
        let steps = self.path.steps().iter().enumerate().skip(depth);
        let index = steps.filter_map(|(depth, step)| match step {
            Step::Index(index) if *index > 0 => Some((depth, *index)),
            _ => None,
        });
        let (depth, index) = index.min().unwrap_or((depth, 0));
        EditError::Beyond {
            path: self.shown(depth),
            len: 0,
            index,
        }
    }

    fn through(&self, step: &Step, kind: Kind) -> EditError {
        EditError::Through {
            path: self.shown(self.depth),
            kind: match kind {
                Kind::Object => "an object",
                Kind::Array => "an array",
                Kind::Text => "a text",
                Kind::Number => "a number",
                Kind::Word => "true or false",
            },
            step: Written(step).to_string(),
        }
    }
}

struct Written<'a>(&'a Step);

impl fmt::Display for Written<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Step::Key(key) => write!(f, ".{}", key.escape_debug()),
            Step::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// What a step leads to, and the last member beside it, for its style.
struct Found {
    member: Option<Member>,
    last: Option<Member>,
}

/// Looks for a step's member or element; an array that ends right before it is fine.
fn find(place: &Place<'_>, step: &Step) -> Result<Found, EditError> {
    let (text, at) = (place.text, place.at);
    let (mut member, mut last) = (None, None);
    match (Kind::at(text, at), step) {
        (Kind::Object, Step::Key(name)) => {
            for next in members(text, at) {
                if next.is_named(text, name) {
                    member = Some(next.clone());
                }
                last = Some(next);
            }
        }
        (Kind::Array, Step::Index(index)) => {
            let mut len = 0;
            for next in members(text, at) {
                if len == *index {
                    member = Some(next.clone());
                }
                len += 1;
                last = Some(next);
            }
            if *index > len {
                return Err(EditError::Beyond {
                    path: place.shown(place.depth),
                    len,
                    index: *index,
                });
            }
        }
        (kind, step) => return Err(place.through(step, kind)),
    }
    Ok(Found { member, last })
}

fn splice(text: &str, span: Range<usize>, with: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + with.len());
    out.extend_from_slice(&text.as_bytes()[..span.start]);
    out.extend_from_slice(with.as_bytes());
    out.extend_from_slice(&text.as_bytes()[span.end..]);
    out
}

/// Puts a member in behind the last one, or into what is empty.
fn insert(
    place: &Place<'_>,
    step: &Step,
    last: Option<&Member>,
    style: &Style<'_>,
    json: &str,
) -> Vec<u8> {
    let written = style.member(step, json);
    if let Some(last) = last {
        let end = last.value.end;
        let next = format!(",{}{written}", style.before_next());
        splice(place.text, end..end, &next)
    } else {
        let inside = place.at + 1..skip_space(place.text, place.at + 1);
        let Indent { inner, outer } = style.indent();
        splice(place.text, inside, &format!("{inner}{written}{outer}"))
    }
}

/// The text without the members that go, each with one of the commas beside it; `None`
/// where none goes.
fn without(text: &str, at: usize, goes: impl Fn((usize, &Member)) -> bool) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    // Up to where the text is written or left out.
    let mut done = at + 1;
    let (mut stays, mut gone) = (false, false);
    out.extend_from_slice(&text.as_bytes()[..done]);
    for (index, member) in members(text, at).enumerate() {
        if goes((index, &member)) {
            gone = true;
            if stays {
                done = member.value.end;
            }
            continue;
        }
        if !stays {
            // The white space before the first member stays before whichever is first now.
            let first = skip_space(text, at + 1);
            out.extend_from_slice(&text.as_bytes()[done..first]);
            done = member.key.start;
            stays = true;
        }
        out.extend_from_slice(&text.as_bytes()[done..member.value.end]);
        done = member.value.end;
    }
    if !gone {
        return None;
    }
    if !stays {
        done = end_of_value(text, at) - 1;
    }
    out.extend_from_slice(&text.as_bytes()[done..]);
    Some(out)
}

#[cfg(test)]
#[path = "edit_tests.rs"]
mod tests;
