//! What an app makes of samples: a signed one, one without a signature, one with a wrong one.

mod forged;
mod lately;
mod other_key;

use std::time::Duration;

use bytes::Bytes;

use super::{Check, listed};
use crate::cakemail::diagnosis::{Keys, Reply, why_failed, why_refused};
use crate::config::Target;
use crate::delivery::words::took;
use crate::delivery::{Failure, FailureCode, Headers, Received, Scheme, Verdict, value_text};

pub use forged::{forged, unsigned};
pub use lately::{Newest, lately};
pub use other_key::{OtherKey, with_other_key};

/// How long Cakemail waits for an answer. Source: its CLI manual.
pub const CAKEMAIL_WAITS: Duration = Duration::from_secs(5);

/// A sample, and what came of it.
#[derive(Debug)]
pub struct Asked {
    /// How it was signed; of no meaning where it was not.
    pub scheme: Scheme,
    /// The path that it was sent to.
    pub path: String,
    /// Its body.
    pub body: Bytes,
    /// Until the answer was read.
    pub took: Duration,
    /// What was answered, or why nothing was.
    pub answer: Result<Answer, Failure>,
}

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: Headers,
    /// Its body, or the start of it.
    pub body: Bytes,
}

impl Answer {
    /// What it threw at, and what to change.
    fn thrown(&self) -> Option<&'static str> {
        (self.status >= 500)
            .then(|| why_failed(&self.body))
            .flatten()
    }
}

/// What all samples of a target have in common.
#[derive(Debug)]
pub struct Sample<'a> {
    /// The app.
    pub target: &'a Target,
    /// The event.
    pub event: &'a str,
    /// The label of the secret.
    pub secret: &'a str,
    /// The schemes in which deliveries have come so far.
    pub seen: &'a [Scheme],
    /// How the account's deliveries are signed, where there is one.
    pub signs: Option<Signs>,
    /// Whether there are further secrets.
    pub several: bool,
}

/// How an account's deliveries are signed.
#[derive(Debug, Clone, Copy)]
pub struct Signs {
    /// The scheme.
    pub scheme: Scheme,
    /// Whether that is more than what documents say: a sandbox tells.
    pub is_certain: bool,
}

impl Asked {
    fn status(&self) -> Option<u16> {
        self.answer.as_ref().ok().map(|answer| answer.status)
    }

    /// Whether it was taken.
    pub fn is_taken(&self) -> bool {
        self.status()
            .is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether Cakemail would have given up before: no answer came, or that it is taken did so
    /// late.
    pub fn is_late(&self) -> bool {
        match &self.answer {
            Ok(_) => self.is_taken() && self.took > CAKEMAIL_WAITS,
            Err(failure) => failure.code == FailureCode::Timeout,
        }
    }

    /// Whether it was answered with an error that tells of signatures.
    pub fn has_thrown(&self) -> bool {
        let answer = self.answer.as_ref();
        answer.is_ok_and(|answer| answer.thrown().is_some())
    }

    /// Whether it was refused as somebody would who does not believe the signature.
    pub fn is_refused(&self) -> bool {
        matches!(self.status(), Some(400 | 401 | 403))
    }
}

/// How a scheme is written, for people.
fn written(scheme: Scheme) -> String {
    let digest = match scheme {
        Scheme::CakemailHex => "hex",
        Scheme::CakemailBase64 | Scheme::ApiBase64 => "base64",
    };
    format!("{} in {digest}", scheme.header())
}

/// What the answers to signed samples mean: the first in the scheme that is the likeliest,
/// and where that says something of signatures one in each other.
pub fn signed(sample: &Sample<'_>, tried: &[Asked]) -> Check {
    const ID: &str = "signed";
    let target = sample.target;
    let Some(first) = tried.first() else {
        return Check::skip(ID, format!("`{target}`: nothing was sent"));
    };
    let answer = match &first.answer {
        Ok(answer) => answer,
        Err(failure) => {
            return Check::fail(ID, format!("`{target}`: {}", failure.message))
                .cure(&*failure.hint);
        }
    };
    let (status, event) = (answer.status, sample.event);
    if let Some(late) = tried.iter().find(|asked| asked.is_late()) {
        let how = format!("a signed {event} ({})", written(late.scheme));
        return too_slow(sample, late, &how);
    }
    let taken: Vec<_> = tried.iter().filter(|asked| asked.is_taken()).collect();
    if !taken.is_empty() {
        return of_schemes(sample, tried, &taken);
    }
    if first.is_refused() || first.has_thrown() {
        return refused(sample, tried, first, answer);
    }
    misdirected(sample, first, answer).unwrap_or_else(|| {
        let found = format!("`{target}` answers {status} to a signed {event}");
        Check::fail(ID, found).cure(match status {
            500.. => "look for the reason in the app's own log; an app throws where the header that it reads is missing, or where timingSafeEqual compares different lengths",
            _ => "a 2xx is what Cakemail takes for success; anything else is sent again",
        })
    })
}

/// What the answer to an unsigned sample means where there is no secret to sign with: whether
/// the app answers at all, at that path, and in time.
pub fn without_secret(sample: &Sample<'_>, asked: &Asked) -> Check {
    const ID: &str = "signed";
    const CURE: &str = "give the secret with `--secret` or CMHOOK_SECRET";
    let target = sample.target;
    let answer = match &asked.answer {
        Ok(answer) => answer,
        Err(failure) => {
            return Check::fail(ID, format!("`{target}`: {}", failure.message))
                .cure(&*failure.hint);
        }
    };
    if asked.took > CAKEMAIL_WAITS {
        return too_slow(sample, asked, &format!("an unsigned {}", sample.event));
    }
    misdirected(sample, asked, answer).unwrap_or_else(|| {
        let found = format!(
            "no secret is known to sign with; `{target}` answers {} to an unsigned {}",
            answer.status, sample.event
        );
        Check::skip(ID, found).cure(CURE)
    })
}

fn too_slow(sample: &Sample<'_>, asked: &Asked, what: &str) -> Check {
    let (target, time) = (sample.target, took(asked.took));
    let found = match asked.status() {
        Some(status) => format!("`{target}` answers {status} to {what} after {time}"),
        None => format!("`{target}` has not answered {what} within {time}"),
    };
    Check::fail("signed", found)
        .cure("Cakemail gives up after 5 s and sends it again: answer first and work afterwards")
}

/// Nobody is at that path, or somebody who points elsewhere.
fn misdirected(sample: &Sample<'_>, asked: &Asked, answer: &Answer) -> Option<Check> {
    const ID: &str = "signed";
    let (target, event, status) = (sample.target, sample.event, answer.status);
    match status {
        300..400 => {
            let to = answer.headers.get("location");
            let to = to.map_or_else(String::new, |to| {
                format!(" and points to {}", value_text(to))
            });
            Some(Check::fail(ID, format!("`{target}` answers {status}{to}: redirects of deliveries are not followed"))
                .cure("have the app answer at this very path, or name the path that it points to as the target"))
        }
        404 | 405 => {
            let found = format!(
                "`{target}` answers {status} to a POST of {event} to {}",
                asked.path
            );
            Some(Check::fail(ID, found).cure(format!(
                "is that the path of the app's webhook? Give it with the target, such as {}/webhooks/cakemail",
                target.authority()
            )))
        }
        _ => None,
    }
}

/// Samples of which some were taken, or all.
struct Partly<'a> {
    sample: &'a Sample<'a>,
    tried: &'a [Asked],
    taken: &'a [&'a Asked],
}

impl Partly<'_> {
    fn is_refused(&self, scheme: Scheme) -> bool {
        let asked = self.tried.iter().find(|asked| asked.scheme == scheme);
        asked.is_some_and(|asked| !asked.is_taken())
    }

    fn status(&self) -> u16 {
        let status = self.taken.first().and_then(|asked| asked.status());
        status.unwrap_or_default()
    }

    /// It takes those, and not that one.
    fn but(&self, scheme: Scheme) -> String {
        let wants = self.taken.iter().map(|asked| written(asked.scheme));
        let wants: Vec<_> = wants.collect();
        let asked = self.tried.iter().find(|asked| asked.scheme == scheme);
        let said = asked.and_then(Asked::status);
        format!(
            "`{}` answers {} to a signature in {}, and {} to one in {}",
            self.sample.target,
            self.status(),
            listed(&wants),
            said.map_or_else(|| "nothing".to_owned(), |status| status.to_string()),
            written(scheme)
        )
    }
}

/// It takes some of them, or all.
fn of_schemes(sample: &Sample<'_>, tried: &[Asked], taken: &[&Asked]) -> Check {
    const ID: &str = "signed";
    let partly = Partly {
        sample,
        tried,
        taken,
    };
    let read = |scheme: Scheme| format!("have the app read {} too", written(scheme));
    let (seen, signs) = (sample.seen, sample.signs);
    let unread = signs.filter(|signs| partly.is_refused(signs.scheme));
    if let Some(signs) = unread.filter(|signs| signs.is_certain) {
        let but = partly.but(signs.scheme);
        return Check::fail(ID, format!("{but}, which is how this sandbox signs"))
            .cure(read(signs.scheme));
    }
    if let [first, ..] = *seen
        && seen.iter().all(|scheme| partly.is_refused(*scheme))
    {
        let but = partly.but(first);
        return Check::fail(ID, format!("{but}, which is how deliveries come")).cure(read(first));
    }
    if let Some(Signs { scheme, .. }) = unread {
        let but = partly.but(scheme);
        let found = format!("{but}, which is how Cakemail's API signs by its guide");
        return Check::warn(ID, found).cure(read(scheme));
    }
    let mut refused = seen.iter().filter(|scheme| partly.is_refused(**scheme));
    if let Some(scheme) = refused.next().copied() {
        let but = partly.but(scheme);
        return Check::warn(ID, format!("{but}, in which deliveries have come too"))
            .cure(read(scheme));
    }
    let refused = tried.iter().find(|asked| !asked.is_taken());
    if let Some(refused) = refused.filter(|_| seen.is_empty() && signs.is_none()) {
        return Check::warn(ID, partly.but(refused.scheme)).cure(
            "Cakemail's documents name all of X-Cakemail-Signature in hex and in base64 and X-Signature in base64: have the app take each, or see in `cmhook list` which one comes to you",
        );
    }
    let names: Vec<_> = taken.iter().map(|asked| asked.scheme.name()).collect();
    let slowest = taken.iter().map(|asked| asked.took).max();
    let found = format!(
        "`{}` answers {} to a signed {} within {} ({}; secret `{}`)",
        sample.target,
        partly.status(),
        sample.event,
        took(slowest.unwrap_or_default()),
        listed(&names),
        sample.secret
    );
    Check::ok(ID, found)
}

/// It refuses a right signature, whatever its scheme.
fn refused(sample: &Sample<'_>, tried: &[Asked], first: &Asked, answer: &Answer) -> Check {
    const ID: &str = "signed";
    // Whoever refuses all of them does not look for another header, which is the likeliest of
    // one in `X-Signature` alone.
    let is_any = tried.len() == Scheme::ALL.len() && !first.has_thrown();
    let verdict = Verdict::Valid {
        scheme: if is_any {
            Scheme::CakemailHex
        } else {
            first.scheme
        },
        secret: sample.secret.into(),
    };
    let request = Received {
        received_at: jiff::Timestamp::UNIX_EPOCH,
        peer: "".into(),
        method: "POST".into(),
        path_and_query: first.path.as_str().into(),
        headers: Headers::default(),
        body: first.body.clone(),
        event: Some(sample.event.into()),
        verdict,
        original: None,
        relayed: None,
    };
    let status = answer.status;
    let found = format!(
        "`{}` answers {status} to a right signature (secret `{}`)",
        sample.target, sample.secret
    );
    let reply = Reply {
        status,
        headers: &answer.headers,
        body: &answer.body,
    };
    let keys = Keys {
        several: sample.several,
        ..Keys::default()
    };
    let why = why_refused(&request, reply, &keys).and_then(|refusal| refusal.why);
    let Some(finding) = why.and_then(|why| why.findings.into_iter().next()) else {
        return Check::fail(ID, found).cure("see that the app knows this very secret");
    };
    Check::fail(ID, format!("{found}: {}", finding.message)).cure(format!(
        "{}; see that it knows this very secret",
        finding.fix
    ))
}

#[cfg(test)]
mod tests;
