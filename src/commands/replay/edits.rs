//! What is changed in a delivery before it is sent again.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cakemail::verify::claims;
use crate::capture::again::{Draft, Sign, unsigned};
use crate::cli::EditArgs;
use crate::config::ConfigError;
use crate::delivery::{Delivery, Headers, Scheme};
use crate::http::headers::{is_hop_by_hop, replaced};
use crate::payload::Path;
use crate::payload::edit::{self, EditError};

/// All edits, the same for every delivery.
#[derive(Debug, Default)]
pub(super) struct Edits {
    sets: Vec<(Path, String)>,
    deletes: Vec<Path>,
    headers: Vec<(HeaderName, Option<HeaderValue>)>,
    signing: Signing,
}

/// What becomes of the signature.
#[derive(Debug, Default)]
enum Signing {
    /// It stays as long as it is right, and is made anew where the body changes.
    #[default]
    Follow,
    /// It is made anew.
    Anew {
        with: Option<SecretString>,
        scheme: Option<Scheme>,
    },
    /// It goes.
    Without,
}

/// An edited copy before it is sent.
#[derive(Debug)]
pub(super) struct Edited {
    /// What to send. Where it is to be signed anew, with the secret of the label in
    /// [`Edited::sign_with`] or the original's.
    pub(super) draft: Draft,
    /// A secret's label or, where none has it, a secret.
    pub(super) sign_with: Option<SecretString>,
    /// What was done, in words.
    pub(super) done: Vec<String>,
}

/// A delivery that cannot be edited so.
#[derive(Debug, thiserror::Error)]
#[error("cannot edit {label}")]
pub struct UneditableError {
    /// Which.
    pub label: String,
    /// Why.
    #[source]
    pub source: EditError,
}

impl Edits {
    /// From the flags.
    ///
    /// # Errors
    /// At the first that means nothing.
    pub(super) fn read(args: &EditArgs) -> Result<Self, ConfigError> {
        let sets = args.set.iter().map(|text| set(text));
        let deletes = args.delete.iter().map(|text| path("--delete", text));
        let headers = args.header.iter().map(|text| header(text));
        let scheme = args.scheme.as_deref().map(scheme).transpose()?;
        let signing = if args.unsigned {
            Signing::Without
        } else if args.sign_with.is_some() || scheme.is_some() {
            let with = args.sign_with.clone();
            if with
                .as_ref()
                .is_some_and(|with| with.expose_secret().is_empty())
            {
                return Err(ConfigError {
                    message: "`--sign-with` is empty".into(),
                    hint: "name the label of a known secret, or give a secret".into(),
                });
            }
            Signing::Anew { with, scheme }
        } else {
            Signing::Follow
        };
        Ok(Self {
            sets: sets.collect::<Result<_, _>>()?,
            deletes: deletes.collect::<Result<_, _>>()?,
            headers: headers.collect::<Result<_, _>>()?,
            signing,
        })
    }

    /// The text of `--sign-with`, which is a label or a secret.
    pub(super) fn sign_with(&self) -> Option<&str> {
        match &self.signing {
            Signing::Anew { with, .. } => with.as_ref().map(SecretString::expose_secret),
            Signing::Follow | Signing::Without => None,
        }
    }

    /// The edited copy of a delivery; `None` where the edits leave it as it was.
    ///
    /// # Errors
    /// Where its payload cannot be edited so.
    pub(super) fn apply(&self, delivery: &Delivery) -> Result<Option<Edited>, EditError> {
        let request = &delivery.request;
        let mut done = Vec::new();
        let body = self.body(&request.body, &mut done)?;
        let is_changed = body != request.body;
        let mut headers = request.headers.clone();
        if is_changed {
            let length = body.len().to_string();
            headers = replaced(&headers, &CONTENT_LENGTH, Some(length.as_bytes()));
        }
        headers = self.headers(headers, &mut done);
        let is_signed = !claims(&request.headers).is_empty();
        let by_hand = self.headers.iter().any(|(name, _)| is_signature(name));
        let (sign, sign_with) = match &self.signing {
            Signing::Anew { with, scheme } => {
                let sign = Sign {
                    secret: None,
                    scheme: *scheme,
                };
                (Some(sign), with.clone())
            }
            Signing::Follow if is_changed && is_signed && !by_hand => (Some(Sign::default()), None),
            Signing::Follow => (None, None),
            Signing::Without => {
                headers = unsigned(&headers);
                if is_signed {
                    done.push("took out the signature".to_owned());
                }
                (None, None)
            }
        };
        if done.is_empty() && sign.is_none() {
            return Ok(None);
        }
        Ok(Some(Edited {
            draft: Draft {
                method: request.method.clone(),
                path_and_query: request.path_and_query.clone(),
                headers,
                body,
                original: Some(delivery.id),
                sign,
            },
            sign_with,
            done,
        }))
    }

    fn body(&self, body: &Bytes, done: &mut Vec<String>) -> Result<Bytes, EditError> {
        let mut body = body.clone();
        for (path, json) in &self.sets {
            let made = edit::set(&body, path, json)?;
            if made != *body {
                done.push(format!("set {path}"));
                body = made.into();
            }
        }
        for path in &self.deletes {
            match edit::delete(&body, path) {
                Ok(made) => {
                    done.push(format!("deleted {path}"));
                    body = made.into();
                }
                // That it is not there is what was asked for.
                Err(EditError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(body)
    }

    fn headers(&self, mut headers: Headers, done: &mut Vec<String>) -> Headers {
        for (name, value) in &self.headers {
            let made = replaced(&headers, name, value.as_ref().map(HeaderValue::as_bytes));
            let made = match value {
                Some(value) if made.get(name.as_str()).is_none() => appended(&made, name, value),
                _ => made,
            };
            if made != headers {
                done.push(match value {
                    Some(_) => format!("set header {name}"),
                    None => format!("took out header {name}"),
                });
                headers = made;
            }
        }
        headers
    }
}

fn is_signature(name: &HeaderName) -> bool {
    let mut schemes = Scheme::ALL.iter();
    schemes.any(|scheme| name.as_str().eq_ignore_ascii_case(scheme.header()))
}

fn appended(headers: &Headers, name: &HeaderName, value: &HeaderValue) -> Headers {
    let fields = headers.iter().chain([(name.as_str(), value.as_bytes())]);
    fields.collect()
}

fn path(flag: &str, text: &str) -> Result<Path, ConfigError> {
    text.parse::<Path>().map_err(|error| ConfigError {
        message: format!("`{flag}`: {error}"),
        hint: "write it as `data.email`, `items[0].name` or `data[\"a.b\"]`".into(),
    })
}

/// `PATH=VALUE`, where a quoted key of the path may hold `=` too.
fn set(text: &str) -> Result<(Path, String), ConfigError> {
    let mut first = None;
    for (at, _) in text.match_indices('=') {
        match path("--set", &text[..at]) {
            Ok(path) => return Ok((path, edit::value(&text[at + 1..]))),
            Err(error) => first = first.or(Some(error)),
        }
    }
    Err(first.unwrap_or_else(|| ConfigError {
        message: format!("`--set {}` has no `=`", text.escape_debug()),
        hint: "write it as `--set data.email=a@b.c`".into(),
    }))
}

/// `K: V`, or `K:` to take it out.
fn header(text: &str) -> Result<(HeaderName, Option<HeaderValue>), ConfigError> {
    let bad = |what: &str| {
        // The value may be a password, so only what can be the name is shown.
        let ends = |c: char| c == ':' || c == '=' || c.is_whitespace();
        let name = text.split(ends).next().unwrap_or_default();
        ConfigError {
            message: format!("`--header {}` {what}", name.escape_debug()),
            hint: "write it as `--header 'X-Name: value'`, or `'X-Name:'` to take it out".into(),
        }
    };
    let (name, value) = text.split_once(':').ok_or_else(|| bad("has no colon"))?;
    let name = HeaderName::from_bytes(name.trim().as_bytes())
        .map_err(|_| bad("is not the name of a header"))?;
    if is_hop_by_hop(&name) || name == CONTENT_LENGTH || name == HOST {
        return Err(bad("is set by the connection itself"));
    }
    // Spaces and tabs only: a line end is no part of how it is written.
    let value = value.trim_matches([' ', '\t']);
    if value.is_empty() {
        return Ok((name, None));
    }
    let value = HeaderValue::from_bytes(value.as_bytes())
        .map_err(|_| bad("has a value with a control character in it"))?;
    Ok((name, Some(value)))
}

fn scheme(text: &str) -> Result<Scheme, ConfigError> {
    Scheme::from_name(text).ok_or_else(|| ConfigError {
        message: format!("there is no scheme `{}`", text.escape_debug()),
        hint: "schemes are cakemail-hex, cakemail-base64 and api-base64".into(),
    })
}

#[cfg(test)]
#[path = "edits_tests.rs"]
mod tests;
