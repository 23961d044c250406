//! What answers must be, and whether one is.

use std::ops::RangeInclusive;

use crate::commands::diff::PATIENCE;
use crate::compare::{BodyChange, bodies};
use crate::config::ConfigError;
use crate::delivery::{Answer, Attempt, Outcome};

/// Statuses that are right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Statuses {
    text: String,
    ranges: Vec<RangeInclusive<u16>>,
}

impl Statuses {
    /// Reads `200`, `2xx`, `<500`, `>=400`, `200..204`, or several with commas.
    ///
    /// # Errors
    /// Where it is none of these.
    pub(super) fn read(text: &str) -> Result<Self, ConfigError> {
        let ranges = text.split(',').map(|one| range(one.trim()));
        let ranges = ranges
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| ConfigError {
                message: format!("`--expect {}` is no status", text.escape_debug()),
                hint: "write `200`, `2xx`, `<500`, `200..204`, or several with commas; statuses are 100 to 599".into(),
            })?;
        Ok(Self {
            text: text.trim().to_owned(),
            ranges,
        })
    }

    fn has(&self, status: u16) -> bool {
        self.ranges.iter().any(|range| range.contains(&status))
    }
}

/// `None` for what no answer can have, too: a test that nothing passes is a slip.
fn range(text: &str) -> Option<RangeInclusive<u16>> {
    const ALL: RangeInclusive<u16> = 100..=599;
    let status = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|b| b.is_ascii_digit());
        let status = text.parse().ok().filter(|status| ALL.contains(status));
        status.filter(|_| digits)
    };
    let some = |range: RangeInclusive<u16>| (!range.is_empty()).then_some(range);
    if let Some(class) = text.strip_suffix("xx").or(text.strip_suffix("XX")) {
        let class: u16 = class.parse().ok().filter(|class| (1..=5).contains(class))?;
        return (text.len() == 3).then_some(class * 100..=class * 100 + 99);
    }
    if let Some((from, to)) = text.split_once("..") {
        let (from, to) = (status(from)?, status(to)?);
        return (from <= to).then_some(from..=to);
    }
    if let Some(least) = text.strip_prefix(">=") {
        return Some(status(least.trim())?..=*ALL.end());
    }
    if let Some(most) = text.strip_prefix("<=") {
        return Some(*ALL.start()..=status(most.trim())?);
    }
    if let Some(over) = text.strip_prefix('>') {
        return some(status(over.trim())? + 1..=*ALL.end());
    }
    if let Some(under) = text.strip_prefix('<') {
        return some(*ALL.start()..=status(under.trim())? - 1);
    }
    let only = status(text)?;
    Some(only..=only)
}

/// What is expected of every answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Expected {
    /// Of its status.
    pub(super) statuses: Option<Statuses>,
    /// That it is the recorded one again.
    pub(super) same: bool,
}

/// An expectation that was missed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// Which, and what came instead.
    pub(super) message: String,
    /// How the body differs, where that is it.
    pub(super) body: Option<BodyChange>,
}

impl Miss {
    fn new(message: String) -> Self {
        Self {
            message,
            body: None,
        }
    }
}

impl Expected {
    /// Whether anything is.
    pub(super) const fn anything(&self) -> bool {
        self.statuses.is_some() || self.same
    }

    /// What of it an attempt misses; `recorded` is the attempt to be like.
    pub(super) fn missed(&self, attempt: &Attempt, recorded: Option<&Attempt>) -> Vec<Miss> {
        let mut missed = Vec::new();
        let answer = match &attempt.outcome {
            Outcome::Answered(answer) => Some(answer),
            Outcome::Failed(_) => None,
        };
        if let Some(statuses) = &self.statuses {
            match answer {
                Some(answer) if statuses.has(answer.status) => {}
                Some(answer) => missed.push(Miss::new(format!(
                    "expected {}, got {}",
                    statuses.text, answer.status
                ))),
                None => missed.push(Miss::new(format!(
                    "expected {}, got no answer",
                    statuses.text
                ))),
            }
        }
        if self.same {
            missed.extend(other(answer, recorded));
        }
        missed
    }
}

fn other(answer: Option<&Answer>, recorded: Option<&Attempt>) -> Option<Miss> {
    let before = match recorded.map(|attempt| (attempt.n, &attempt.outcome)) {
        Some((n, Outcome::Answered(before))) => (n, before),
        Some((n, Outcome::Failed(_))) => {
            let why = format!("expected the recorded answer, but attempt {n} got none");
            return Some(Miss::new(why));
        }
        None => {
            let why = "expected the recorded answer, but none is recorded";
            return Some(Miss::new(why.into()));
        }
    };
    let (n, before) = before;
    let Some(answer) = answer else {
        let why = format!("expected the answer of attempt {n}, got none");
        return Some(Miss::new(why));
    };
    if answer.status != before.status {
        return Some(Miss {
            message: format!(
                "expected {} as at attempt {n}, got {}",
                before.status, answer.status
            ),
            body: changed(before, answer),
        });
    }
    if answer.body == before.body && answer.size == before.size {
        return None;
    }
    Some(Miss {
        message: format!("expected the body of attempt {n}, got another"),
        body: changed(before, answer),
    })
}

fn changed(before: &Answer, answer: &Answer) -> Option<BodyChange> {
    let change = bodies(
        (&before.headers, &before.body),
        (&answer.headers, &answer.body),
        PATIENCE,
    );
    (change != BodyChange::Same).then_some(change)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Cause, Failure, FailureCode, Headers};
    use proptest::prelude::*;
    use std::time::Duration;

    fn answered(status: u16, body: &'static str) -> Attempt {
        attempt(Outcome::Answered(Answer {
            status,
            headers: Headers::default(),
            body: bytes::Bytes::from_static(body.as_bytes()),
            size: body.len() as u64,
            first_byte: Duration::ZERO,
        }))
    }

    fn failed() -> Attempt {
        attempt(Outcome::Failed(Failure {
            code: FailureCode::Refused,
            message: "no".into(),
            hint: "".into(),
        }))
    }

    fn attempt(outcome: Outcome) -> Attempt {
        Attempt {
            delivery: 1,
            n: 1,
            cause: Cause::Live,
            target: "".into(),
            started_at: jiff::Timestamp::UNIX_EPOCH,
            took: Duration::ZERO,
            outcome,
        }
    }

    #[test]
    fn statuses_are_read() {
        for (text, right, wrong) in [
            ("200", &[200][..], &[201, 100][..]),
            ("2xx", &[200, 299], &[300, 199]),
            ("<500", &[100, 499], &[500]),
            ("<=500", &[500], &[501]),
            (">=400", &[400, 599], &[399]),
            (">400", &[401], &[400]),
            ("200..204", &[200, 204], &[205]),
            ("2xx, 401", &[204, 401], &[400]),
        ] {
            let statuses = Statuses::read(text).unwrap();
            assert!(right.iter().all(|s| statuses.has(*s)), "{text}");
            assert!(!wrong.iter().any(|s| statuses.has(*s)), "{text}");
        }
        for text in [
            "", "2", "2x", "0xx", "20000", "204..200", "ok", "200,", "<x", "99", "+20", "9xx",
            "6xx", ">=600", "600", ">599", "<100", "200..999", "2xx,9xx",
        ] {
            assert!(Statuses::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn misses_say_what_came() {
        let expected = Expected {
            statuses: Some(Statuses::read("2xx").unwrap()),
            same: false,
        };
        let messages = |expected: &Expected, attempt: &Attempt, recorded: Option<&Attempt>| {
            let missed = expected.missed(attempt, recorded).into_iter();
            missed.map(|miss| miss.message).collect::<Vec<_>>()
        };
        assert!(messages(&expected, &answered(204, ""), None).is_empty());
        assert_eq!(
            messages(&expected, &answered(500, ""), None),
            ["expected 2xx, got 500"]
        );
        assert_eq!(
            messages(&expected, &failed(), None),
            ["expected 2xx, got no answer"]
        );
        let same = Expected {
            statuses: None,
            same: true,
        };
        let ok = answered(200, "{\"a\":1}");
        assert!(messages(&same, &ok, Some(&ok)).is_empty());
        for (now, before, message) in [
            (
                &failed(),
                Some(&ok),
                "expected the answer of attempt 1, got none",
            ),
            (
                &ok,
                Some(&failed()),
                "expected the recorded answer, but attempt 1 got none",
            ),
            (
                &ok,
                None,
                "expected the recorded answer, but none is recorded",
            ),
            (
                &answered(500, "x"),
                Some(&ok),
                "expected 200 as at attempt 1, got 500",
            ),
            (
                &answered(200, "x"),
                Some(&ok),
                "expected the body of attempt 1, got another",
            ),
        ] {
            assert_eq!(messages(&same, now, before), [message]);
        }
        let missed = same.missed(&answered(200, "{\"a\":2}"), Some(&ok));
        assert!(matches!(missed[0].body, Some(BodyChange::Json { .. })));
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[0-9x<>=.,]{0,8}|\\PC{0,8}") {
            let _ = Statuses::read(&text);
        }
    }
}
