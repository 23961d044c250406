//! Reading the fields of what the sandbox itself is asked.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::answer::Mistakes;

/// The fields of a body, and what is wrong with them. Where one is wrong its usual value is
/// given, since nothing is done then.
#[derive(Debug)]
pub(super) struct Fields<'a> {
    fields: &'a Map<String, Value>,
    mistakes: Mistakes,
}

impl<'a> Fields<'a> {
    pub(super) fn new(fields: &'a Map<String, Value>) -> Self {
        Self {
            fields,
            mistakes: Mistakes::default(),
        }
    }

    /// What is wrong with all that was read.
    pub(super) fn mistakes(self) -> Mistakes {
        self.mistakes
    }

    /// A field; null is none.
    pub(super) fn of(&self, name: &str) -> Option<&'a Value> {
        self.fields.get(name).filter(|value| !value.is_null())
    }

    pub(super) fn bad(&mut self, name: &str, message: &str) {
        self.mistakes.add(&["body", name], "value_error", message);
    }

    pub(super) fn number(&mut self, name: &str, usual: u64, among: RangeInclusive<u64>) -> u64 {
        let Some(value) = self.of(name) else {
            return usual;
        };
        let number = value.as_u64().filter(|number| among.contains(number));
        number.unwrap_or_else(|| {
            let (least, most) = among.into_inner();
            self.bad(name, &format!("it must be a number from {least} to {most}"));
            usual
        })
    }

    pub(super) fn switch(&mut self, name: &str, usual: bool) -> bool {
        let Some(value) = self.of(name) else {
            return usual;
        };
        value.as_bool().unwrap_or_else(|| {
            self.bad(name, "it must be true or false");
            usual
        })
    }

    /// What `read` makes of a text.
    pub(super) fn text<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Option<T>,
        message: &str,
    ) -> Option<T> {
        let value = self.of(name)?;
        let read = value.as_str().and_then(read);
        if read.is_none() {
            self.bad(name, message);
        }
        read
    }
}
