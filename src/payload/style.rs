//! How a payload is laid out, as far as a new member has to follow it.

use super::path::Step;
use super::scan::{Kind, Member, skip_space};

/// The layout around a place, gathered on the way to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Style<'a> {
    // Between a key and its value; none was seen yet where it is `None`.
    colon: Option<&'a str>,
    // The white space before the members of the object that was entered last, and before
    // those of the one around it.
    here: Option<&'a str>,
    around: Option<&'a str>,
    // One level of indentation; empty where everything stands on one line.
    unit: &'a str,
    // Whether the object that was entered last has one member, which tells nothing of what
    // stands between two.
    only: bool,
}

/// White space for what was empty: after its opening bracket and before its closing one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Indent {
    pub(super) inner: String,
    pub(super) outer: String,
}

impl<'a> Style<'a> {
    /// Takes note of the object or array at `at`, whose last member is given.
    pub(super) fn enter(&mut self, text: &'a str, at: usize, last: Option<&Member>) {
        self.around = self.here.take();
        let Some(last) = last else { return };
        let start = last.key.start;
        let before = text[..start].trim_ascii_end().len();
        let space = &text[before..start];
        if let Some(line) = line(space) {
            // What a level adds to the one around it.
            let shallower = self.around.and_then(self::line).map_or(0, str::len);
            self.unit = line.get(shallower..).unwrap_or_default();
        }
        self.here = Some(space);
        self.only = before == at + 1;
        if Kind::at(text, at) == Kind::Object {
            self.colon = Some(&text[last.key.end..last.value.start]);
        }
        debug_assert!(skip_space(text, before) == start);
    }

    fn colon(&self) -> &'a str {
        self.colon.unwrap_or(":")
    }

    /// A step's member as it is written before its comma.
    pub(super) fn member(&self, step: &Step, json: &str) -> String {
        match step {
            Step::Index(_) => json.to_owned(),
            Step::Key(key) => format!("{}{}{json}", serde_json::Value::from(&**key), self.colon()),
        }
    }

    /// The white space after the comma of the last member.
    pub(super) fn before_next(&self) -> &'a str {
        match self.here {
            Some("") if self.only && self.colon().ends_with(' ') => " ",
            Some(space) => space,
            None => "",
        }
    }

    /// The white space for the first member of what is empty: a level deeper than what is
    /// around, where that has lines.
    pub(super) fn indent(&self) -> Indent {
        match self.around {
            Some(around) if line(around).is_some() => Indent {
                inner: format!("{around}{}", self.unit),
                outer: around.to_owned(),
            },
            _ => Indent {
                inner: String::new(),
                outer: String::new(),
            },
        }
    }

    /// The white space before a member of what was entered last, where that has lines.
    fn base(&self) -> Option<String> {
        let base = match self.here {
            Some(here) => here.to_owned(),
            None => self.indent().inner,
        };
        line(&base).is_some().then_some(base)
    }

    /// The value that holds `json` at the end of these steps. `None` where one of them is
    /// an index past the first element of an array that would be new.
    pub(super) fn nest(&self, steps: &[Step], json: &str) -> Option<String> {
        if steps.iter().any(|step| matches!(step, Step::Index(1..))) {
            return None;
        }
        let mut indent = self.base();
        let (mut before, mut after) = (String::new(), Vec::new());
        for step in steps {
            let (open, close) = match step {
                Step::Key(_) => ('{', '}'),
                Step::Index(_) => ('[', ']'),
            };
            before.push(open);
            let mut end = String::new();
            if let Some(indent) = &mut indent {
                end.push_str(indent);
                indent.push_str(self.unit);
                before.push_str(indent);
            }
            end.push(close);
            after.push(end);
            before.push_str(&self.member(step, ""));
        }
        before.push_str(json);
        before.extend(after.into_iter().rev());
        Some(before)
    }
}

/// What stands on the last line of white space that has several.
fn line(space: &str) -> Option<&str> {
    space.rsplit_once('\n').map(|(_, line)| line)
}
