//! Bodies and headers in JSON.

use std::borrow::Cow;

use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::{Serialize, Serializer};

use crate::delivery::{Headers, value_text};

/// A body as text where it is UTF-8, else as base64.
#[derive(Debug, Serialize)]
pub(super) struct BodyObject<'a> {
    body: BodyText<'a>,
    body_encoding: &'static str,
}

#[derive(Debug)]
enum BodyText<'a> {
    Plain(&'a str),
    Base64(&'a [u8]),
    Omitted,
}

impl BodyObject<'_> {
    /// Leaves it out where it is longer than this, in bytes.
    pub(super) fn omit_over(&mut self, most: usize) {
        let bytes = match self.body {
            BodyText::Plain(text) => text.len(),
            BodyText::Base64(bytes) => bytes.len(),
            BodyText::Omitted => 0,
        };
        if bytes > most {
            self.body = BodyText::Omitted;
            self.body_encoding = "omitted";
        }
    }
}

impl Serialize for BodyText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Plain(text) => serializer.serialize_str(text),
            Self::Base64(bytes) => serializer.collect_str(&Base64Display::new(bytes, &STANDARD)),
            Self::Omitted => serializer.serialize_none(),
        }
    }
}

impl<'a> From<&'a [u8]> for BodyObject<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                body: BodyText::Plain(text),
                body_encoding: "utf8",
            },
            Err(_) => Self {
                body: BodyText::Base64(bytes),
                body_encoding: "base64",
            },
        }
    }
}

/// `[[name, value]…]`. A value that is not UTF-8 is read as Latin-1, which is what
/// HTTP once said it is, so that each byte is one character.
#[derive(Debug)]
pub(super) struct HeaderList<'a>(pub(super) &'a Headers);

impl Serialize for HeaderList<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(
            self.0
                .iter()
                .map(|(name, value)| [Cow::Borrowed(name), value_text(value)]),
        )
    }
}
