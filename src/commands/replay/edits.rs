//! What is changed in a delivery before it is sent again.

use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::cakemail::verify::claims;
use crate::capture::again::{Draft, Sign, unsigned};
use crate::cli::EditArgs;
use crate::config::ConfigError;
use crate::delivery::{Delivery, Headers, Scheme};
use crate::http::headers::is_hop_by_hop;
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
#[error("cannot edit {label}: {source}")]
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

    /// The edited copy of a delivery; `None` where the edits leave it as it was.
    ///
    /// # Errors
    /// Where its payload cannot be edited so.
    pub(super) fn apply(&self, delivery: &Delivery) -> Result<Option<Edited>, EditError> {
        let request = &delivery.request;
        let mut done = Vec::new();
        let mut body = request.body.clone();
        for (path, json) in &self.sets {
            let made = edit::set(&body, path, json)?;
            if made != *body {
                done.push(format!("set {path}"));
                body = made.into();
            }
        }
        for path in &self.deletes {
            // That it is not there is what was asked for.
            match edit::delete(&body, path) {
                Ok(made) => {
                    done.push(format!("deleted {path}"));
                    body = made.into();
                }
                Err(EditError::Missing(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let is_changed = body != request.body;
        let mut headers = request.headers.clone();
        if is_changed {
            headers = replaced(
                &headers,
                &CONTENT_LENGTH,
                Some(body.len().to_string().as_bytes()),
            );
        }
        let mut by_hand = false;
        for (name, value) in &self.headers {
            let made = replaced(&headers, name, value.as_ref().map(HeaderValue::as_bytes));
            let made = match value {
                Some(value) if made.get(name.as_str()).is_none() => appended(&made, name, value),
                _ => made,
            };
            by_hand |= is_signature(name);
            if made != headers {
                done.push(match value {
                    Some(_) => format!("set header {name}"),
                    None => format!("took out header {name}"),
                });
                headers = made;
            }
        }
        let is_signed = !claims(&request.headers).is_empty();
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
}

fn is_signature(name: &HeaderName) -> bool {
    let mut schemes = Scheme::ALL.iter();
    schemes.any(|scheme| name.as_str().eq_ignore_ascii_case(scheme.header()))
}

/// The headers with one value under a name that they have, or with none.
fn replaced(headers: &Headers, name: &HeaderName, value: Option<&[u8]>) -> Headers {
    let mut value = value;
    let fields = headers.iter().filter_map(|(one, was)| {
        if one.eq_ignore_ascii_case(name.as_str()) {
            value.take().map(|value| (one.to_owned(), value.to_vec()))
        } else {
            Some((one.to_owned(), was.to_vec()))
        }
    });
    fields.collect()
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
mod tests {
    use super::*;
    use crate::delivery::{Received, Verdict};
    use proptest::prelude::*;

    fn args() -> EditArgs {
        EditArgs {
            set: Vec::new(),
            delete: Vec::new(),
            header: Vec::new(),
            sign_with: None,
            scheme: None,
            unsigned: false,
        }
    }

    fn delivery(headers: &[(&str, &str)], body: &'static str) -> Delivery {
        Delivery {
            id: 7,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: "/a?b".into(),
                headers: headers.iter().copied().collect(),
                body: bytes::Bytes::from_static(body.as_bytes()),
                event: None,
                verdict: Verdict::Unsigned,
                original: None,
            },
        }
    }

    fn signed(body: &'static str) -> Delivery {
        let headers = [
            ("content-length", "7"),
            ("x-cakemail-signature", "x"),
            ("x-a", "1"),
        ];
        delivery(&headers, body)
    }

    fn edited(args: &EditArgs, delivery: &Delivery) -> Option<Edited> {
        Edits::read(args).unwrap().apply(delivery).unwrap()
    }

    #[test]
    fn a_changed_body_is_signed_anew_and_measured() {
        let mut args = args();
        args.set = vec!["a=\"long\"".into(), "b[0]=x=y".into()];
        args.delete = vec!["nope".into()];
        let made = edited(&args, &signed("{\"a\":1}")).unwrap();
        assert_eq!(made.draft.body, "{\"a\":\"long\",\"b\":[\"x=y\"]}");
        assert_eq!(
            made.draft.headers.get("content-length"),
            Some(b"24".as_slice())
        );
        assert_eq!(made.draft.sign, Some(Sign::default()));
        assert_eq!(
            (made.draft.original, &*made.draft.path_and_query),
            (Some(7), "/a?b")
        );
        assert_eq!(made.done, ["set a", "set b[0]"]);
        // What was not signed stays so.
        let made = edited(&args, &delivery(&[], "{}")).unwrap();
        assert_eq!(made.draft.sign, None);
    }

    #[test]
    fn what_changes_nothing_is_no_edit() {
        let mut args = args();
        args.set = vec!["a=1".into()];
        args.delete = vec!["b".into()];
        args.header = vec!["X-A: 1".into(), "X-None:".into()];
        assert!(edited(&args, &signed("{\"a\":1}")).is_none());
        args.unsigned = true;
        assert!(edited(&args, &delivery(&[("x-a", "1")], "{\"a\":1}")).is_none());
    }

    #[test]
    fn headers_are_set_once_and_signatures_by_hand_stay() {
        let mut args = args();
        args.header = vec![
            "X-A: 2".into(),
            "X-Cakemail-Signature: junk".into(),
            "X-New:v".into(),
        ];
        args.set = vec!["a=2".into()];
        let request = [("x-a", "0"), ("x-cakemail-signature", "x"), ("x-a", "1")];
        let made = edited(&args, &delivery(&request, "{}")).unwrap();
        let fields: Vec<_> = made.draft.headers.iter().collect();
        assert_eq!(
            fields,
            [
                ("x-a", b"2".as_slice()),
                ("x-cakemail-signature", b"junk"),
                ("x-new", b"v")
            ]
        );
        assert_eq!(made.draft.sign, None);
        args.header = vec!["x-a:".into()];
        args.unsigned = true;
        let made = edited(&args, &delivery(&request, "{}")).unwrap();
        assert!(made.draft.headers.is_empty());
        assert_eq!(made.done.len(), 3);
    }

    #[test]
    fn what_means_nothing_is_said_without_values() {
        type Change = fn(&mut EditArgs);
        let cases: [(Change, &str); 10] = [
            (|a| a.set = vec!["a".into()], "`--set a` has no `=`"),
            (
                |a| a.set = vec!["a..b=1".into()],
                "`--set`: `a..b` is no path",
            ),
            (|a| a.delete = vec!["".into()], "`--delete`: `` is no path"),
            (|a| a.header = vec!["X".into()], "`--header X` has no colon"),
            (
                |a| a.header = vec!["X A: secret".into()],
                "`--header X` is not the name",
            ),
            (
                |a| a.header = vec!["X-A: secret\r\nX-B: 1".into()],
                "`--header X-A` has a value with a control",
            ),
            (
                |a| a.header = vec!["X-A: secret\n".into()],
                "`--header X-A` has a value with a control",
            ),
            (
                |a| a.header = vec!["X-A: sec\0ret".into()],
                "`--header X-A` has a value with a control",
            ),
            (
                |a| a.header = vec!["Host: x".into()],
                "`--header Host` is set by the connection",
            ),
            (
                |a| a.scheme = Some("md5".into()),
                "there is no scheme `md5`",
            ),
        ];
        for (change, said) in cases {
            let mut args = args();
            change(&mut args);
            let error = Edits::read(&args).unwrap_err();
            assert!(error.message.starts_with(said), "{}", error.message);
            assert!(!error.message.contains("secret"), "{}", error.message);
        }
        assert!(set("data[\"x=y\"]=1").is_ok());
    }

    proptest! {
        #[test]
        fn a_header_is_one_header_or_refused(text in "[a-zX:\\- \r\n\0\u{7f}\u{e9}]{0,16}") {
            let mut args = args();
            args.header = vec![text];
            if let Ok(edits) = Edits::read(&args) {
                let made = edits.apply(&delivery(&[("x-b", "1")], "{}")).unwrap();
                let fields = made.map_or(1, |made| made.draft.headers.iter().count());
                prop_assert!((1..=2).contains(&fields));
            }
        }
    }
}
