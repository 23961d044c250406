//! Header fields and bodies in files that people edit, and their checks.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap as _, Serializer};
use serde::{Deserialize, Serialize};

use crate::delivery::Headers;

/// Header fields as an object from name to value. A name that comes several times has a
/// list, and a value that is not UTF-8 is `{"base64": "…"}`.
#[derive(Debug, Default)]
pub struct Fields(Vec<(String, Vec<u8>)>);

impl From<&Headers> for Fields {
    fn from(headers: &Headers) -> Self {
        Self(
            headers
                .iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        )
    }
}

impl From<Fields> for Headers {
    fn from(fields: Fields) -> Self {
        fields
            .0
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .collect()
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (at, (name, _)) in self.0.iter().enumerate() {
            if self.0[..at].iter().any(|(earlier, _)| earlier == name) {
                continue;
            }
            let mut values: Vec<_> = self.0[at..]
                .iter()
                .filter(|(other, _)| other == name)
                .map(|(_, value)| Value::from(&**value))
                .collect();
            match values.len() {
                1 => map.serialize_entry(name, &values.remove(0))?,
                _ => map.serialize_entry(name, &values)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of header fields")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            for value in map.next_value::<Values>()?.0 {
                let value = value.bytes().map_err(de::Error::custom)?;
                check_field(&name, &value).map_err(de::Error::custom)?;
                fields.push((name.clone(), value));
            }
        }
        Ok(Fields(fields))
    }
}

/// A value as it is written.
#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged, expecting = "a text or {\"base64\": \"…\"}")]
enum Value {
    Text(String),
    Base64 { base64: String },
}

impl From<&[u8]> for Value {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64 {
                base64: STANDARD.encode(bytes),
            },
        }
    }
}

impl Value {
    fn bytes(self) -> Result<Vec<u8>, &'static str> {
        match self {
            Self::Text(text) => Ok(text.into_bytes()),
            Self::Base64 { base64 } => STANDARD.decode(base64).map_err(|_| "it is not base64"),
        }
    }
}

/// One value or a list of them.
struct Values(Vec<Value>);

impl<'de> Deserialize<'de> for Values {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValuesVisitor)
    }
}

struct ValuesVisitor;

impl<'de> Visitor<'de> for ValuesVisitor {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a header's value: a text, a list of texts, or {\"base64\": \"…\"}")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Values, E> {
        Ok(Values(vec![Value::Text(text.to_owned())]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Values, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element::<Value>()? {
            values.push(value);
        }
        Ok(Values(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Values, A::Error> {
        let value = Value::deserialize(de::value::MapAccessDeserializer::new(map))?;
        Ok(Values(vec![value]))
    }
}

/// A body as the pair of fields that it is written in, one of which is there.
pub struct BodyOut {
    /// Where it is text.
    pub body: Option<String>,
    /// Where it is not.
    pub body_base64: Option<String>,
}

impl From<&[u8]> for BodyOut {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                body: Some(text.to_owned()),
                body_base64: None,
            },
            Err(_) => Self {
                body: None,
                body_base64: Some(STANDARD.encode(bytes)),
            },
        }
    }
}

/// The body from that pair; none is an empty one.
pub(super) fn body(text: Option<String>, base64: Option<String>) -> Result<Bytes, &'static str> {
    match (text, base64) {
        (Some(_), Some(_)) => Err("`body` and `body_base64` exclude each other"),
        (Some(text), None) => Ok(text.into()),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map(Into::into)
            .map_err(|_| "`body_base64` is not base64"),
        (None, None) => Ok(Bytes::new()),
    }
}

fn is_token(text: &str) -> bool {
    let is_token = |c: u8| c.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&c);
    !text.is_empty() && text.bytes().all(is_token)
}

/// Refuses a header field that could not be sent or would read as two.
pub(super) fn check_field(name: &str, value: &[u8]) -> Result<(), String> {
    if !is_token(name) {
        return Err(format!(
            "`{}` is not the name of a header",
            name.escape_debug()
        ));
    }
    if value
        .iter()
        .any(|b| *b != b'\t' && (*b < b' ' || *b == 0x7f))
    {
        return Err(format!(
            "the header `{name}` has a value with a control character in it"
        ));
    }
    Ok(())
}

/// Refuses a request line that would not be one.
pub(super) fn check_request_line(method: &str, path: &str) -> Result<(), String> {
    if !is_token(method) {
        return Err(format!("`{}` is not a method", method.escape_debug()));
    }
    if !(path.starts_with('/') || path == "*") {
        return Err(format!(
            "the path `{}` does not begin with `/`",
            path.escape_debug()
        ));
    }
    if path.contains(|c: char| c <= ' ' || c == '\u{7f}') {
        return Err(format!(
            "the path `{}` has a space or a control character in it",
            path.escape_debug()
        ));
    }
    Ok(())
}
