//! Why an app refuses a delivery whose signature is right.

use serde_json::Value;

use super::{Finding, MAX_BODY};
use crate::cakemail::serializer::Serializer;
use crate::delivery::{Headers, Received, Scheme, Verdict};

/// What can be said of an app's 401 or 403.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRefusal {
    /// What it refused, without a final period.
    pub title: &'static str,
    /// Why. `None` where more could be said if the webhook's secret were known.
    pub why: Option<Rejection>,
}

/// What can be said of an app that answers 401 or 403 to this request. Nothing of an invalid
/// signature, which the app is right to refuse: its verdict says why it is invalid.
pub fn why_refused(request: &Received, answer: &Headers) -> Option<AppRefusal> {
    let (title, why) = match &request.verdict {
        Verdict::Valid { scheme, secret } => (
            "Your app refused a delivery whose signature is right",
            Some(why_rejected(
                *scheme,
                secret,
                answer,
                request.path(),
                &request.body,
            )),
        ),
        Verdict::Unsigned => (
            "Your app refused a delivery without a signature",
            Some(Rejection {
                statement:
                    "it carries no signature, so an app that checks signatures is right to refuse it"
                        .to_owned(),
                findings: Vec::new(),
            }),
        ),
        Verdict::Unchecked => (
            "Your app refused a delivery whose signature was not checked",
            None,
        ),
        Verdict::Invalid { .. } => return None,
    };
    Some(AppRefusal { title, why })
}

/// What can be said of an app that refuses a right signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// That the signature is right, and for what.
    pub statement: String,
    /// What usually goes wrong in such an app, the likeliest first.
    pub findings: Vec<Finding>,
}

impl Rejection {
    /// One sentence a line: the statement, then each cause with its cure behind it.
    pub fn lines(self) -> impl Iterator<Item = String> {
        let findings = self.findings.into_iter();
        std::iter::once(self.statement).chain(findings.flat_map(|one| [one.message, one.fix]))
    }
}

/// What usually goes wrong in an app that answers 401 or 403 to a delivery whose
/// signature is right, from what its answer tells of the framework and from what
/// re-serialising would change in these very bytes.
pub(super) fn why_rejected(
    scheme: Scheme,
    label: &str,
    answer: &Headers,
    request_path: &str,
    body: &[u8],
) -> Rejection {
    let framework = Serializer::of(answer);
    let mut findings = Vec::new();
    if answer.get("www-authenticate").is_some() {
        findings.push(Finding::new(
            "app_wants_login",
            format!("its WWW-Authenticate header says that {request_path} wants a login"),
            "exempt the webhook's route from it",
        ));
    }
    let compared = Finding::new(
        "app_compares_otherwise",
        "it may compare with another digest, or key it with another secret",
        format!(
            "it must compare with {} as {}, keyed with that secret as it is: no line end, no quotes",
            scheme.header(),
            match scheme {
                Scheme::CakemailHex => "lower-case hex",
                Scheme::CakemailBase64 | Scheme::ApiBase64 => "base64",
            }
        ),
    );
    let reserialised = why_reserialised(framework, body);
    // Handlers made after the manual hash re-serialised JSON, and know hex only.
    if scheme == Scheme::CakemailHex || framework.is_some() {
        findings.extend(reserialised);
        findings.push(compared);
    } else {
        findings.push(compared);
        findings.extend(reserialised);
    }
    if answer.get("x-frame-options").is_some() && framework == Some(Serializer::Ruby) {
        findings.push(Finding::new(
            "app_checks_csrf",
            "in Rails a 401 or 403 here is often CSRF protection",
            "skip_forgery_protection for the webhook's controller",
        ));
    }
    Rejection {
        statement: format!(
            "the signature is right for the {} raw bytes (secret `{label}`): the app checks something else",
            body.len()
        ),
        findings,
    }
}

/// The cure where the framework does not tell what it is.
const EVERYWHERE: &str =
    "hash the raw body: `data` in Node, express.json({ verify }), get_data() in Flask, php://input";

/// What re-serialising would change in the body, and the cure. Nothing where it would
/// change nothing.
fn why_reserialised(framework: Option<Serializer>, body: &[u8]) -> Option<Finding> {
    let value = (body.len() <= MAX_BODY)
        .then(|| serde_json::from_slice::<Value>(body).ok())
        .flatten()?;
    let (message, fix) = if let Some(serializer) = framework {
        let what = first_change(serializer, &value, body)?;
        (
            format!("most often it hashes re-serialised JSON: {what}"),
            serializer.cure(),
        )
    } else {
        let changes: Vec<_> = [Serializer::JavaScript, Serializer::Python, Serializer::Php]
            .into_iter()
            .filter_map(|serializer| first_change(serializer, &value, body))
            .collect();
        if changes.is_empty() {
            return None;
        }
        (
            format!("if it hashes re-serialised JSON: {}", changes.join(", ")),
            EVERYWHERE,
        )
    };
    Some(Finding::new("app_reserialises", message, fix))
}

/// Where and how re-serialising first departs from the bytes that were signed.
fn first_change(serializer: Serializer, value: &Value, body: &[u8]) -> Option<String> {
    let written = serializer.write(value);
    if written == body {
        return None;
    }
    let at = written.iter().zip(body).take_while(|(a, b)| a == b).count();
    let what = match (body.get(at).copied(), written.get(at).copied()) {
        (Some(b'\\'), _) if body.get(at + 1) == Some(&b'/') => {
            format!("drops the escaped slash at byte {at}")
        }
        (Some(b'\\'), _) if body.get(at + 1) == Some(&b'u') => {
            format!("writes the escaped character at byte {at} plainly")
        }
        (Some(b'/'), Some(b'\\')) => format!("escapes the slash at byte {at}"),
        (Some(given), Some(b'\\')) if !given.is_ascii() => {
            format!("escapes the non-ASCII character at byte {at}")
        }
        (Some(given), _) if given.is_ascii_whitespace() => {
            format!("drops the white space at byte {at}")
        }
        (_, Some(b' ')) => format!("adds a space at byte {at}"),
        (None, _) | (_, None) => format!("changes the length at byte {at}"),
        _ => format!("changes the text at byte {at}"),
    };
    Some(format!("{} {what}", serializer.call()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(scheme: Scheme, answer: &Headers, path: &str, body: &[u8]) -> Vec<String> {
        why_rejected(scheme, "main", answer, path, body)
            .lines()
            .collect()
    }

    #[test]
    fn a_rejection_names_the_byte_and_the_cure() {
        let body = br#"{"url":"https:\/\/x"}"#;
        let express: Headers = [("x-powered-by", "Express")].into_iter().collect();
        let lines = said(Scheme::CakemailHex, &express, "/", body).join("\n");
        assert!(
            lines.contains("JSON.stringify drops the escaped slash at byte 14"),
            "{lines:?}"
        );
        assert!(lines.contains("express.json({ verify:"), "{lines:?}");
        let flask: Headers = [("server", "Werkzeug/3.0")].into_iter().collect();
        let lines = said(Scheme::CakemailHex, &flask, "/", br#"{"a":1}"#).join("\n");
        assert!(
            lines.contains("json.dumps adds a space at byte 5"),
            "{lines:?}"
        );
        let lines = said(Scheme::ApiBase64, &express, "/", b"not json").join("\n");
        assert!(lines.contains("X-Signature as base64"), "{lines:?}");
    }

    #[test]
    fn a_rejection_claims_no_more_than_can_be_known() {
        let body = "{\"event\": \"email.opened\", \"n\": \"\u{e9}\"}".as_bytes();
        let none = Headers::default();
        let lines = said(Scheme::CakemailHex, &none, "/", body);
        assert!(lines[1].starts_with("if it hashes"), "{lines:?}");
        for part in [
            "JSON.stringify drops",
            "json.dumps escapes the non-ASCII",
            "json_encode",
        ] {
            assert!(lines[1].contains(part), "{lines:?}");
        }
        assert!(lines[2].contains("`data` in Node"), "{lines:?}");
        assert!(lines[4].contains("as lower-case hex"), "{lines:?}");
        // The usual handler knows hex only.
        let lines = said(Scheme::CakemailBase64, &none, "/", body);
        assert!(
            lines[2].contains("X-Cakemail-Signature as base64"),
            "{lines:?}"
        );
        let python: Headers = [("server", "BaseHTTP/0.6 Python/3.11.7")]
            .into_iter()
            .collect();
        let lines = said(Scheme::CakemailHex, &python, "/", body);
        assert!(lines[1].contains("json.dumps escapes"), "{lines:?}");
        let login: Headers = [("www-authenticate", "Basic")].into_iter().collect();
        let lines = said(Scheme::CakemailHex, &login, "/hook", body);
        assert!(lines[1].contains("/hook wants a login"), "{lines:?}");
    }
}
