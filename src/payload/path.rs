//! Where a value stands in a payload: `data.email`, `items[0].name`, `data["a.b"]`.

use std::fmt;
use std::str::FromStr;

/// One step from a value to one inside it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A member of an object.
    Key(String),
    /// An element of an array, counted from 0.
    Index(usize),
}

/// A way from the top of a payload to a value in it, at least one step long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path(Vec<Step>);

/// A text that is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is no path into a payload: {problem}", text.escape_debug())]
pub struct BadPath {
    /// The text.
    pub text: String,
    /// Where in it the mistake is, in bytes.
    pub at: usize,
    /// What is wrong, without a final period.
    pub problem: &'static str,
}

impl Path {
    /// The steps in order.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }
}

impl From<Vec<Step>> for Path {
    fn from(steps: Vec<Step>) -> Self {
        Self(steps)
    }
}

impl FromStr for Path {
    type Err = BadPath;

    /// Reads a path; a leading dot, as jq has it, is allowed.
    fn from_str(text: &str) -> Result<Self, BadPath> {
        let bad = |at: usize, problem| BadPath {
            text: text.to_owned(),
            at,
            problem,
        };
        let mut steps = Vec::new();
        let mut at = usize::from(text.starts_with('.'));
        while at < text.len() {
            let rest = &text[at..];
            if let Some(inner) = rest.strip_prefix('[') {
                if inner.starts_with('"') {
                    let mut texts = serde_json::Deserializer::from_str(inner).into_iter::<String>();
                    let key = texts.next().and_then(Result::ok);
                    let end = texts.byte_offset();
                    let key = key.ok_or_else(|| bad(at + 1, "the quotes are not closed"))?;
                    if !inner[end..].starts_with(']') {
                        return Err(bad(at + 1 + end, "a `]` is missing"));
                    }
                    steps.push(Step::Key(key));
                    at += end + 2;
                } else {
                    let end = inner.find(']').ok_or_else(|| bad(at, "a `]` is missing"))?;
                    let index = &inner[..end];
                    if !index.bytes().all(|b| b.is_ascii_digit()) {
                        return Err(bad(at + 1, "an index is a number from 0"));
                    }
                    let index = index.parse();
                    steps.push(Step::Index(
                        index.map_err(|_| bad(at + 1, "an index is a number from 0"))?,
                    ));
                    at += end + 2;
                }
                match text[at..].bytes().next() {
                    None | Some(b'[') => {}
                    Some(b'.') if at + 1 < text.len() => at += 1,
                    _ => return Err(bad(at, "a `.` or `[` belongs here")),
                }
                continue;
            }
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            if end == 0 {
                return Err(bad(at, "a name is missing"));
            }
            steps.push(Step::Key(rest[..end].to_owned()));
            at += end;
            if text[at..].starts_with('.') {
                at += 1;
                if at == text.len() {
                    return Err(bad(at, "a name is missing"));
                }
            }
        }
        if steps.is_empty() {
            return Err(bad(0, "it is empty"));
        }
        Ok(Self(steps))
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) if key.is_empty() || key.contains(['.', '[']) => {
                    let quoted = serde_json::Value::from(&**key);
                    write!(f, "[{quoted}]")?;
                }
                Step::Key(key) if at == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(key: &str) -> Step {
        Step::Key(key.into())
    }

    #[test]
    fn every_form_is_read() {
        for (text, steps) in [
            ("event", vec![key("event")]),
            (".data.email", vec![key("data"), key("email")]),
            (
                "a[0].b[12]",
                vec![key("a"), Step::Index(0), key("b"), Step::Index(12)],
            ),
            ("[1][2]", vec![Step::Index(1), Step::Index(2)]),
            (r#"a["b.c\"]"].d"#, vec![key("a"), key("b.c\"]"), key("d")]),
        ] {
            assert_eq!(text.parse::<Path>().unwrap().steps(), steps, "{text}");
        }
        for (text, at) in [
            ("", 0),
            (".", 0),
            ("a.", 2),
            ("a..b", 2),
            ("a[", 1),
            ("a[-1]", 2),
            ("a[0]b", 4),
            ("a[\"b]", 2),
            ("a[0].", 4),
        ] {
            assert_eq!(text.parse::<Path>().unwrap_err().at, at, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[a.\\[\\]\"0-9\u{e9}-]{0,12}|\\PC{0,12}") {
            if let Err(error) = text.parse::<Path>() {
                prop_assert!(error.at <= text.len() && text.is_char_boundary(error.at));
            }
        }

        #[test]
        fn what_is_written_reads_back(steps in proptest::collection::vec(prop_oneof![
            "\\PC{0,6}|[.\\[\"a]{0,3}".prop_map(Step::Key),
            (0usize..99).prop_map(Step::Index),
        ], 1..5)) {
            let path = Path::from(steps);
            let text = path.to_string();
            // The dot that jq puts first is taken off.
            prop_assert_eq!(text.parse::<Path>().unwrap(), path, "{}", text);
        }
    }
}
