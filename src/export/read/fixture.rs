//! Fixtures, read strictly: a misspelt field would otherwise change what a test tests.

use std::sync::Arc;
use std::time::Duration;

use super::Problem;
use super::fields::{body, check_request_line};
use super::objects::disown;
use super::typed;
use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::verify;
use crate::delivery::{Answer, Attempt, Cause, Delivery, Kept, Outcome, Received, Scheme, Verdict};
use crate::export::THROW_AWAY;
use crate::export::fixture::{Fixture, Recorded, Signature, VERSION};

/// Stands for the sender, whose address a fixture does not tell.
pub(super) const NOBODY: &str = "127.0.0.1:0";

/// Reads one fixture.
pub(super) fn read(text: &str) -> Result<Kept, Problem> {
    let fixture: Fixture = typed(text)?;
    if fixture.cmhook_fixture != VERSION {
        return Err(at(
            "cmhook_fixture",
            format!(
                "version {} is not known to this cmhook, which knows {VERSION}",
                fixture.cmhook_fixture
            ),
        ));
    }
    let request = fixture.request;
    check_request_line(&request.method, &request.path).map_err(|problem| at("request", problem))?;
    let body = body(request.body, request.body_base64)
        .map_err(|problem| at("request", problem.to_owned()))?;
    let mut received = Received {
        received_at: fixture.received_at,
        peer: NOBODY.into(),
        method: request.method.into(),
        path_and_query: request.path.into(),
        headers: request.headers.into(),
        event: event::name_in(&body),
        body,
        verdict: Verdict::Unchecked,
        original: None,
        relayed: None,
    };
    received.verdict =
        verdict(&fixture.signature, &received).map_err(|problem| at("signature", problem))?;
    let answer = fixture.answer;
    let mut kept = Kept::new(Arc::new(Delivery {
        id: 0,
        request: received,
    }));
    if let Some(answer) = answer {
        let attempt = attempt(answer, &kept).map_err(|problem| at("answer", problem))?;
        kept.attempts.push(Arc::new(attempt));
    }
    Ok(kept)
}

fn at(field: &str, problem: String) -> Problem {
    Problem {
        line: 1,
        field: field.to_owned(),
        what: problem,
    }
}

fn verdict(signature: &Signature, received: &Received) -> Result<Verdict, String> {
    if let Some(secret) = &signature.throw_away_secret {
        return checked(secret, received);
    }
    let text = |text: &Option<String>| text.as_deref().unwrap_or_default().into();
    let mut verdict = match signature.verdict.as_deref() {
        Some("valid") => {
            let scheme = signature.scheme.as_deref().unwrap_or_default();
            Verdict::Valid {
                scheme: Scheme::from_name(scheme)
                    .ok_or_else(|| format!("there is no scheme `{}`", scheme.escape_debug()))?,
                secret: text(&signature.label),
            }
        }
        Some("invalid") => Verdict::Invalid {
            reason: text(&signature.reason),
        },
        Some("unsigned") => Verdict::Unsigned,
        // What is not said is for the known secrets to find out.
        Some("unchecked") | None => verify(&[], &received.headers, &received.body),
        Some(other) => return Err(format!("there is no verdict `{}`", other.escape_debug())),
    };
    disown(&mut verdict);
    Ok(verdict)
}

/// The verdict under the secret that stands in the file itself.
pub(super) fn checked(secret: &str, received: &Received) -> Result<Verdict, String> {
    let secret = Secret::new(THROW_AWAY, None, secret)
        .map_err(|_| "`throw_away_secret` is empty".to_owned())?;
    Ok(verify(&[secret], &received.headers, &received.body))
}

fn attempt(answer: Recorded, kept: &Kept) -> Result<Attempt, String> {
    if !(100..=999).contains(&answer.status) {
        return Err(format!("{} is not a status", answer.status));
    }
    let body = body(answer.body, answer.body_base64)?;
    let length = body.len() as u64;
    let size = answer.size.unwrap_or(length);
    if size < length {
        return Err(format!("`size` is {size}, but `body` has {length} bytes"));
    }
    Ok(Attempt {
        delivery: kept.delivery.id,
        n: 1,
        cause: Cause::Live,
        target: answer.target.unwrap_or_default().into(),
        started_at: kept.delivery.request.received_at,
        took: Duration::ZERO,
        outcome: Outcome::Answered(Answer {
            status: answer.status,
            headers: answer.headers.into(),
            body,
            size,
            first_byte: Duration::ZERO,
        }),
    })
}
