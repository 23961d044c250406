//! Why an app refuses a delivery whose signature is right.

use std::sync::Arc;

use serde_json::Value;

use super::evidence::{Evidence, Trouble};
use super::{Finding, MAX_BODY, causes};
use crate::cakemail::event;
use crate::cakemail::serializer::Serializer;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::claims;
use crate::delivery::{Answer, Headers, Received, Registration, Scheme, Verdict, command};

/// What an app answered.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// The status code.
    pub status: u16,
    /// The headers.
    pub headers: &'a Headers,
    /// The body, or its start.
    pub body: &'a [u8],
}

impl<'a> From<&'a Answer> for Reply<'a> {
    fn from(answer: &'a Answer) -> Self {
        Self {
            status: answer.status,
            headers: &answer.headers,
            body: &answer.body,
        }
    }
}

/// What is known here of secrets, beyond the one that made a signature.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// Whether there are several.
    pub several: bool,
    /// The webhooks that were made for this listener; each has a secret of its own, which is
    /// labelled with its event.
    pub webhooks: Arc<[Arc<Registration>]>,
}

impl Keys {
    /// Of these secrets and webhooks.
    pub fn of(secrets: &[Secret], webhooks: Arc<[Arc<Registration>]>) -> Self {
        Self {
            several: secrets.len() > 1,
            webhooks,
        }
    }

    /// Whether an app may well check with another secret than the one of this label.
    fn are_many(&self, label: &str) -> bool {
        // One that was made for this listener alone is the one that the app was given.
        let is_only = self.webhooks.len() == 1;
        let is_events = event::is_of_the_api(label) && event::NAMES.contains(&label);
        self.several || (is_events && !is_only)
    }

    /// The webhook whose secret has this label.
    fn webhook(&self, label: &str) -> Option<&Registration> {
        let event = label.trim_end_matches(REGISTERED);
        let mut all = self.webhooks.iter();
        all.find(|one| *one.event == *event || *one.id == *label)
            .map(|one| &**one)
    }

    /// The command that shows the secret with this label.
    pub(super) fn shown_by(&self, label: &str) -> String {
        if let Some(one) = self.webhook(label) {
            return one.command(&["webhooks", "get", &one.id, "--show-secrets"]);
        }
        let words = ["webhooks", "list", "--show-secrets"];
        // All of a listener's are of one account.
        match self.webhooks.first() {
            Some(one) => one.command(&words),
            None => command(&words),
        }
    }
}

/// What follows the event in a label where there was such a label already.
pub const REGISTERED: &str = " (registered)";

/// What can be said of an app's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRefusal {
    /// What it refused, without a final period.
    pub title: &'static str,
    /// Why. `None` where more could be said if the webhook's secret were known.
    pub why: Option<Rejection>,
}

/// What can be said of an app that answers this to a request: of its 401 or 403, of its 400
/// where that is about signatures, of its 5xx where its body tells that it stumbled over
/// the signature, and of a 400 or 500 whose body tells nothing. Nothing of an invalid signature, which the app is right to refuse: its
/// verdict says why it is invalid.
pub fn why_refused(request: &Received, reply: Reply<'_>, keys: &Keys) -> Option<AppRefusal> {
    let evidence = Evidence::of(reply.body);
    let has_failed = match reply.status {
        401 | 403 => false,
        400 if evidence.of_signatures || evidence.trouble.is_some() => false,
        500..600 if evidence.is_thrown => true,
        400 | 500 if evidence.says_nothing => return unexplained(request, reply, evidence),
        _ => return None,
    };
    let titles = match &request.verdict {
        Verdict::Valid { .. } => RIGHT,
        Verdict::Unsigned => [
            "Your app refused a delivery without a signature",
            "Your app failed at a delivery without a signature",
        ],
        Verdict::Unchecked => [
            "Your app refused a delivery whose signature was not checked",
            "Your app failed at a delivery whose signature was not checked",
        ],
        Verdict::Invalid { .. } => return None,
    };
    let why = match &request.verdict {
        Verdict::Valid { scheme, secret } => Some(why_rejected(
            &Sent {
                scheme: *scheme,
                label: secret,
                request,
            },
            reply,
            evidence,
            keys,
        )),
        Verdict::Unsigned => Some(unsigned(evidence, has_failed)),
        Verdict::Unchecked | Verdict::Invalid { .. } => unchecked(request, reply, evidence),
    };
    Some(AppRefusal {
        title: titles[usize::from(has_failed)],
        why,
    })
}

/// Titles of refusing and of failing at a right signature.
const RIGHT: [&str; 2] = [
    "Your app refused a delivery whose signature is right",
    "Your app failed at a delivery whose signature is right",
];

/// Of a right one that an app fails at without a word: made after the manual, it reads a header
/// that the API does not send. Python then throws, which Flask makes a 400 of, and so does PHP.
fn unexplained(request: &Received, reply: Reply<'_>, evidence: Evidence) -> Option<AppRefusal> {
    let Verdict::Valid { scheme, secret } = &request.verdict else {
        return None;
    };
    if *scheme != Scheme::ApiBase64 {
        return None;
    }
    let framework = Serializer::of(reply.headers);
    let finding = causes::other_header(*scheme, evidence, &request.headers, framework)?;
    let right = right(secret, &request.body);
    Some(AppRefusal {
        title: RIGHT[usize::from(reply.status >= 500)],
        why: Some(Rejection {
            statement: format!(
                "{right}: the app's answer does not tell what went wrong there; its log may"
            ),
            findings: vec![finding],
        }),
    })
}

/// That a signature is right.
fn right(label: &str, body: &[u8]) -> String {
    let length = body.len();
    format!("the signature is right for the {length} raw bytes (secret `{label}`)")
}

/// What an app throws at where it answers like this, and what to change.
pub fn why_failed(body: &[u8]) -> Option<&'static str> {
    let evidence = Evidence::of(body);
    let trouble = evidence.trouble.filter(|_| evidence.is_thrown)?;
    Some(causes::thrown(trouble))
}

/// Of one that carries no signature.
fn unsigned(evidence: Evidence, has_failed: bool) -> Rejection {
    let no_header = evidence.trouble == Some(Trouble::NoSignature);
    if has_failed && no_header {
        return Rejection {
            statement: "it carries no signature, and the app throws where the header is missing"
                .to_owned(),
            findings: vec![Finding::new(
                "app_throws_unsigned",
                "after a 5xx Cakemail sends it again, which an unsigned delivery is not worth",
                "answer 401 where the header is missing, before anything is compared",
            )],
        };
    }
    Rejection {
        statement:
            "it carries no signature, so an app that checks signatures is right to refuse it"
                .to_owned(),
        findings: Vec::new(),
    }
}

/// Of one whose signature nobody has checked: whether the app looks for it in another header
/// can be told all the same.
fn unchecked(request: &Received, reply: Reply<'_>, evidence: Evidence) -> Option<Rejection> {
    if evidence.trouble != Some(Trouble::NoSignature) {
        return None;
    }
    let claim = claims(&request.headers).into_iter().next()?;
    let api = claim.header == Some(Scheme::ApiBase64.header());
    let scheme = if api {
        Scheme::ApiBase64
    } else {
        Scheme::CakemailHex
    };
    let language = Serializer::of(reply.headers).or(evidence.language);
    let finding = causes::other_header(scheme, evidence, &request.headers, language)?;
    Some(Rejection {
        statement: "the app finds no signature, and there is one".to_owned(),
        findings: vec![finding],
    })
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

/// What was sent with a right signature.
struct Sent<'a> {
    scheme: Scheme,
    label: &'a str,
    request: &'a Received,
}

/// What usually goes wrong in an app that refuses a delivery whose signature is right: from
/// what its answer says, from what that tells of the framework, from what else is known of
/// secrets and from what re-serialising would change in these very bytes.
fn why_rejected(sent: &Sent<'_>, reply: Reply<'_>, evidence: Evidence, keys: &Keys) -> Rejection {
    let Sent {
        scheme,
        label,
        request,
    } = *sent;
    let body = &request.body;
    let framework = Serializer::of(reply.headers).or(evidence.language);
    let header = causes::other_header(scheme, evidence, &request.headers, framework);
    let right = right(label, body);
    if let Some(trouble) = evidence.trouble.filter(|_| evidence.is_thrown) {
        // An error that was thrown leaves no doubt of what comes first.
        let finding = match trouble {
            Trouble::NoSignature => header.unwrap_or_else(|| causes::lost_header(scheme)),
            trouble => causes::stumbled(trouble, scheme, framework),
        };
        return Rejection {
            statement: format!("{right}: the app throws while it checks it"),
            findings: vec![finding],
        };
    }
    let mut findings = Vec::new();
    if reply.headers.get("www-authenticate").is_some() {
        findings.push(Finding::new(
            "app_wants_login",
            format!(
                "its WWW-Authenticate header says that {} wants a login",
                request.path()
            ),
            "exempt the webhook's route from it",
        ));
    }
    let is_header = evidence.trouble == Some(Trouble::NoSignature);
    let (first, header) = if is_header {
        (header, None)
    } else {
        (None, header)
    };
    findings.extend(first);
    if keys.are_many(label) {
        findings.push(causes::other_secret(label, keys));
    }
    // One that complains of the signature itself has found one.
    let has_found = evidence.of_signatures && !is_header;
    let (sooner, later) = match header {
        Some(header) if scheme == Scheme::ApiBase64 && !has_found => (Some(header), None),
        header => (None, header),
    };
    findings.extend(sooner);
    let compared = causes::compares_otherwise(scheme);
    let reserialised = why_reserialised(framework, body);
    // Handlers made after the manual hash re-serialised JSON, and know hex only.
    if scheme == Scheme::CakemailHex || framework.is_some() {
        findings.extend(reserialised);
        findings.push(compared);
    } else {
        findings.push(compared);
        findings.extend(reserialised);
    }
    findings.extend(later);
    if reply.headers.get("x-frame-options").is_some() && framework == Some(Serializer::Ruby) {
        findings.push(Finding::new(
            "app_checks_csrf",
            "in Rails a 401 or 403 here is often CSRF protection",
            "skip_forgery_protection for the webhook's controller",
        ));
    }
    Rejection {
        statement: format!("{right}: the app checks something else"),
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
#[path = "tests/rejection.rs"]
mod tests;
