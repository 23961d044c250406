//! What an app answered, or why it did not.
//!
//! ```text
//! Your app refused a delivery whose signature is right.
//!
//! The signature is right for the 431 raw bytes (secret `bounces`): …
//! Most often it hashes re-serialised JSON: …
//!   fix: hash the raw body: express.json({ verify: … })
//!
//! 401 Unauthorized  in 4ms, first byte after 3ms, 29 B
//!
//! content-type  application/json
//!
//!   error  "Invalid signature"
//! ```

use super::glyphs::{Glyphs, role_of};
use super::head::reason;
use super::payload::{Payload, Shown};
use super::{finding, headers, remark, sentence};
use crate::cakemail::diagnosis::{AppRefusal, Keys, Rejection, why_refused};
use crate::delivery::words::{size, took};
use crate::delivery::{Answer, Attempt, Kept, Outcome};
use crate::tui::text::{Line, Role};

/// The body of an attempt's answer, if there was one.
pub(in crate::tui) fn body(attempt: &Attempt) -> Option<Payload> {
    match &attempt.outcome {
        Outcome::Answered(answer) => Some(Payload::of(&answer.headers, &answer.body)),
        Outcome::Failed(_) => None,
    }
}

/// An attempt of this delivery, with the body that [`body`] gave of it.
pub(in crate::tui) fn lines(
    attempt: Option<&Attempt>,
    kept: &Kept,
    keys: &Keys,
    body: Option<Shown<'_>>,
    glyphs: &Glyphs,
) -> Vec<Line> {
    let Some(attempt) = attempt else {
        return vec![
            Line::of(Role::Strong, "No response: no app has answered it."),
            Line::empty(),
            remark("It is kept all the same, and can be replayed once there is a target."),
        ];
    };
    let mut lines = Vec::new();
    match &attempt.outcome {
        Outcome::Answered(answer) => {
            lines.extend(refused(kept, answer, keys));
            lines.push(status(attempt, answer));
            lines.push(which(attempt, kept));
            lines.push(Line::empty());
            lines.extend(headers::lines(&answer.headers));
            lines.push(Line::empty());
            lines.extend(body.map(|body| body.lines(glyphs)).unwrap_or_default());
            let held = answer.body.len() as u64;
            if held < answer.size {
                let (held, all) = (size(held), size(answer.size));
                lines.push(remark(format!("(the first {held} of {all} were kept)")));
            }
        }
        Outcome::Failed(failure) => {
            let took = took(attempt.took);
            lines.push(
                Line::of(Role::Bad, "No response").with(Role::Dim, format!("  after {took}")),
            );
            lines.push(which(attempt, kept));
            lines.push(Line::empty());
            lines.push(Line::of(Role::Plain, sentence(&failure.message)));
            if !failure.hint.is_empty() {
                lines.push(Line::of(Role::Accent, sentence(&failure.hint)));
            }
        }
    }
    lines
}

fn status(attempt: &Attempt, answer: &Answer) -> Line {
    let status = format!("{} {}", answer.status, reason(answer.status));
    let about = format!(
        "  in {}, first byte after {}, {}",
        took(attempt.took),
        took(answer.first_byte),
        size(answer.size)
    );
    Line::of(role_of(answer.status), status.trim_end()).with(Role::Dim, about)
}

fn which(attempt: &Attempt, kept: &Kept) -> Line {
    let (n, cause) = (attempt.n, attempt.cause.name());
    let all = kept.attempts.len();
    let line = Line::of(Role::Dim, &attempt.target);
    if all > 1 {
        line.with(Role::Dim, format!("  (attempt {n} of {all}, {cause})"))
    } else {
        line
    }
}

/// What can be said of an app's refusal, with an empty line behind it.
fn refused(kept: &Kept, answer: &Answer, keys: &Keys) -> Vec<Line> {
    let refusal = why_refused(&kept.delivery.request, answer.into(), keys);
    let Some(AppRefusal { title, why }) = refusal else {
        return Vec::new();
    };
    let mut lines = vec![Line::of(Role::Bad, format!("{title}.")), Line::empty()];
    match why {
        Some(Rejection {
            statement,
            findings,
        }) => {
            lines.push(Line::of(Role::Plain, sentence(&statement)));
            // The answer itself is to be seen below.
            lines.extend(findings.iter().take(1).flat_map(finding));
            let more = match findings.len().saturating_sub(1) {
                0 => None,
                1 => Some("Another possible cause is on the tab Signature.".to_owned()),
                more => Some(format!(
                    "{more} other possible causes are on the tab Signature."
                )),
            };
            lines.extend(more.map(|more| Line::of(Role::Dim, more)));
        }
        None => lines.push(Line::of(
            Role::Accent,
            "With the webhook's secret cmhook can say whether the signature is right.",
        )),
    }
    lines.push(Line::empty());
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::content::samples::{answered, failed, kept, plain, unsigned};

    fn shown(kept: &Kept) -> String {
        let attempt = kept.newest();
        let payload = attempt.and_then(body);
        let folds = payload.as_ref().map(Payload::folds).unwrap_or_default();
        let body = payload.as_ref().map(|payload| Shown {
            payload,
            folds: &folds,
            as_text: false,
            columns: 80,
        });
        plain(&lines(
            attempt,
            kept,
            &Keys::default(),
            body,
            &Glyphs::UNICODE,
        ))
    }

    #[test]
    fn it_is_what_the_app_said_or_why_it_said_nothing() {
        let error = r#"{"error":"Invalid signature"}"#;
        let one = |attempt| shown(&kept("email.bounced", &[attempt]));
        let mut none = unsigned(b"{}");
        none.attempts = vec![answered(1, 403, "text/plain", "no").into()];
        let all = [
            shown(&kept("email.bounced", &[])),
            one(answered(1, 401, "application/json", error)),
            shown(&none),
            shown(&kept(
                "email.bounced",
                &[failed(1), answered(2, 299, "", "")],
            )),
            one(failed(1)),
        ];
        insta::assert_snapshot!("response", all.join("\n----\n"));
    }
}
