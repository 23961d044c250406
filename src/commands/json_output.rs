//! `--json [FIELDS]` and `--jq EXPR`, in the habits of gh.

use std::io::{self, IsTerminal as _, Write};

use serde::{Serialize, Serializer as _};
use serde_json::Value;

use super::jq::Jq;
use super::json_look::{Look, Shown};
use crate::cli::JsonArgs;
use crate::config::{Color, ConfigError};
use crate::delivery::escape_for_terminal;
use crate::lines::coloured;

/// The fields of a kept delivery, as `wire::Object` has them at its top.
pub(super) const DELIVERY_FIELDS: [&str; 15] = [
    "type",
    "id",
    "received_at",
    "peer",
    "event",
    "verdict",
    "request",
    "original",
    "relay",
    "marked",
    "replays",
    "status",
    "error",
    "took_ms",
    "attempts",
];

/// Writes JSON to standard output as the flags want it.
pub(super) struct JsonOutput {
    /// At the top of each object; all where there are none.
    fields: Vec<String>,
    jq: Option<Jq>,
    look: Look,
}

impl JsonOutput {
    /// Of flags that want JSON. `known` are the fields that there are.
    ///
    /// # Errors
    /// At a field that there is not, or a jq expression that is none.
    pub(super) fn new(args: &JsonArgs, known: &[&str], color: Color) -> Result<Self, ConfigError> {
        let asked = args.json.iter().flatten().map(|field| field.trim());
        let fields: Vec<String> = asked
            .filter(|field| !field.is_empty())
            .map(str::to_owned)
            .collect();
        if let Some(unknown) = fields.iter().find(|field| !known.contains(&field.as_str())) {
            return Err(ConfigError {
                message: format!("there is no JSON field `{unknown}`"),
                hint: format!(
                    "fields are {}; what stands behind `--json` is read as fields, so write anything else before it",
                    known.join(", ")
                ),
            });
        }
        let terminal = io::stdout().is_terminal();
        Ok(Self {
            fields,
            jq: args.jq.as_deref().map(Jq::read).transpose()?,
            look: Look {
                colour: coloured(color, terminal),
                terminal,
            },
        })
    }

    /// Writes all of them as one array, or what jq makes of that.
    ///
    /// # Errors
    /// Those of standard output and of the expression.
    pub(super) fn write_all<T: Serialize>(
        &self,
        items: impl IntoIterator<Item = T>,
    ) -> anyhow::Result<()> {
        to_stdout(|out| self.all_to(out, items))
    }

    /// Writes one object, or what jq makes of it.
    ///
    /// # Errors
    /// Those of standard output and of the expression.
    pub(super) fn write_one(&self, item: impl Serialize) -> anyhow::Result<()> {
        to_stdout(|out| self.one_to(out, item, self.look.terminal))
    }

    /// The same as one line, for a stream of them.
    ///
    /// # Errors
    /// Those of standard output and of the expression.
    pub(super) fn write_line(&self, item: impl Serialize) -> anyhow::Result<()> {
        to_stdout(|out| self.one_to(out, item, false))
    }

    fn all_to<T: Serialize>(
        &self,
        out: &mut impl Write,
        items: impl IntoIterator<Item = T>,
    ) -> anyhow::Result<()> {
        if let Some(jq) = &self.jq {
            let items = items.into_iter().map(|item| self.picked(item));
            return self.results_to(out, jq, Value::Array(items.collect::<Result<_, _>>()?));
        }
        let look = Shown::new(self.look, self.look.terminal);
        let mut json = serde_json::Serializer::with_formatter(&mut *out, look);
        let written = if self.fields.is_empty() {
            json.collect_seq(items)
        } else {
            let picked = items.into_iter().map(|item| self.picked(item));
            // One by one: with their bodies they would be held in memory twice.
            json.collect_seq(picked.map(|value| value.unwrap_or(Value::Null)))
        };
        written.map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    fn one_to(
        &self,
        out: &mut impl Write,
        item: impl Serialize,
        pretty: bool,
    ) -> anyhow::Result<()> {
        if let Some(jq) = &self.jq {
            return self.results_to(out, jq, self.picked(item)?);
        }
        let look = Shown::new(self.look, pretty);
        let mut json = serde_json::Serializer::with_formatter(&mut *out, look);
        let written = if self.fields.is_empty() {
            item.serialize(&mut json)
        } else {
            self.picked(item)?.serialize(&mut json)
        };
        written.map_err(io::Error::from)?;
        out.write_all(b"\n")?;
        Ok(())
    }

    /// Each on a line of its own: texts as they are, anything else as JSON.
    fn results_to(&self, out: &mut impl Write, jq: &Jq, input: Value) -> anyhow::Result<()> {
        jq.run(input, |result| {
            match result {
                Value::String(text) if self.look.terminal => write_raw_shown(out, &text)?,
                Value::String(text) => out.write_all(text.as_bytes())?,
                other => {
                    let look = Shown::new(self.look, false);
                    let mut json = serde_json::Serializer::with_formatter(&mut *out, look);
                    other.serialize(&mut json).map_err(io::Error::from)?;
                }
            }
            out.write_all(b"\n")?;
            Ok(())
        })
    }

    /// Its fields that are asked for, in the order in which they are.
    fn picked(&self, item: impl Serialize) -> Result<Value, serde_json::Error> {
        let value = serde_json::to_value(item)?;
        match value {
            Value::Object(mut object) if !self.fields.is_empty() => {
                let picked = self.fields.iter().map(|field| {
                    let value = object.get_mut(field).map(Value::take);
                    (field.clone(), value.unwrap_or(Value::Null))
                });
                Ok(Value::Object(picked.collect()))
            }
            value => Ok(value),
        }
    }
}

fn to_stdout(
    write: impl FnOnce(&mut io::BufWriter<io::StdoutLock<'static>>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let written = write(&mut out);
    // What came before an error is worth reading.
    out.flush()?;
    written
}

/// A text for a terminal, where line ends and tabs are meant: `@tsv` makes them.
fn write_raw_shown(out: &mut impl Write, text: &str) -> io::Result<()> {
    for piece in text.split_inclusive(['\n', '\t']) {
        let plain = piece.trim_end_matches(['\n', '\t']);
        out.write_all(escape_for_terminal(plain).as_bytes())?;
        out.write_all(&piece.as_bytes()[plain.len()..])?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn args(fields: Option<&str>, jq: Option<&str>) -> JsonArgs {
        JsonArgs {
            json: fields.map(|fields| fields.split(',').map(str::to_owned).collect()),
            jq: jq.map(str::to_owned),
        }
    }

    fn output(fields: Option<&str>, jq: Option<&str>, terminal: bool) -> JsonOutput {
        let known = ["id", "name", "more"];
        let mut output = JsonOutput::new(&args(fields, jq), &known, Color::Never).unwrap();
        output.look.terminal = terminal;
        output
    }

    fn items() -> Vec<Value> {
        vec![
            json!({"id": 1, "name": "a\u{9b}b", "more": [{}, []]}),
            json!({"id": 2, "name": null, "more": {"x": true}}),
        ]
    }

    fn all(output: &JsonOutput) -> String {
        let mut out = Vec::new();
        output.all_to(&mut out, items()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn piped_json_is_one_line() {
        assert_eq!(
            all(&output(Some(""), None, false)),
            "[{\"id\":1,\"name\":\"a\\u009bb\",\"more\":[{},[]]},{\"id\":2,\"name\":null,\"more\":{\"x\":true}}]\n"
        );
        let nothing: [Value; 0] = [];
        let mut out = Vec::new();
        output(Some(""), None, true)
            .all_to(&mut out, nothing)
            .unwrap();
        assert_eq!(out, b"[]\n");
    }

    #[test]
    fn fields_are_picked_in_the_order_asked_for() {
        assert_eq!(
            all(&output(Some("name, id"), None, false)),
            "[{\"name\":\"a\\u009bb\",\"id\":1},{\"name\":null,\"id\":2}]\n"
        );
        let error = JsonOutput::new(&args(Some("id,nam"), None), &["id", "name"], Color::Never);
        let error = error.err().unwrap();
        assert_eq!(error.message, "there is no JSON field `nam`");
        assert!(
            error.hint.starts_with("fields are id, name;"),
            "{}",
            error.hint
        );
    }

    #[test]
    fn a_terminal_gets_lines_and_colours() {
        let mut shown = output(Some(""), None, true);
        assert_eq!(
            all(&shown),
            "[\n  {\n    \"id\": 1,\n    \"name\": \"a\\u009bb\",\n    \"more\": [\n      {},\n      []\n    ]\n  },\n  {\n    \"id\": 2,\n    \"name\": null,\n    \"more\": {\n      \"x\": true\n    }\n  }\n]\n"
        );
        shown.look.colour = true;
        let mut out = Vec::new();
        shown
            .one_to(&mut out, json!({"a": ["b", null, true, 1]}), false)
            .unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap().replace('\x1b', "^"),
            "{^[1m^[34m\"a\"^[0m:[^[32m\"b\"^[0m,^[36mnull^[0m,^[33mtrue^[0m,1]}\n"
        );
    }

    #[test]
    fn jq_writes_texts_as_they_are() {
        let shown = |terminal| {
            all(&output(
                None,
                Some(".[] | .name, .more, \"a\\tb\\nc\""),
                terminal,
            ))
        };
        assert_eq!(
            shown(false),
            "a\u{9b}b\n[{},[]]\na\tb\nc\nnull\n{\"x\":true}\na\tb\nc\n"
        );
        assert_eq!(
            shown(true),
            "a\\x9bb\n[{},[]]\na\tb\nc\nnull\n{\"x\":true}\na\tb\nc\n"
        );
        // With fields, it sees those.
        assert_eq!(
            all(&output(Some("id"), Some("map(keys) | add | unique"), false)),
            "[\"id\"]\n"
        );
        let mut out = Vec::new();
        output(None, Some(".id"), false)
            .one_to(&mut out, &items()[0], false)
            .unwrap();
        assert_eq!(out, b"1\n");
    }

    #[test]
    fn the_fields_of_a_delivery_are_listed() {
        let kept = crate::delivery::Kept::new(std::sync::Arc::new(crate::delivery::Delivery {
            id: 1,
            request: crate::delivery::Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: crate::delivery::Headers::default(),
                body: bytes::Bytes::new(),
                event: None,
                verdict: crate::delivery::Verdict::Unsigned,
                original: None,
                relayed: None,
            },
        }));
        let object = serde_json::to_value(crate::wire::Object::from(&kept)).unwrap();
        let keys: Vec<_> = object.as_object().unwrap().keys().collect();
        assert_eq!(keys, DELIVERY_FIELDS);
    }
}
