//! From what is kept and what happens to the shapes that say so.

use super::{
    AnswerObject, AttemptObject, DeliveryObject, FailureObject, HeaderList, KeptObject, Object,
    RelayObject, RequestObject, ResponseObject, Stopped, VerdictObject, in_milliseconds,
};
use crate::delivery::{
    self, Attempt, Counts, Delivery, Failure, Kept, Outcome, OwnAnswer, Refusal, Relayed,
};

impl<'a> From<&'a Delivery> for Object<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        Self::Delivery(delivery.into())
    }
}

impl<'a> From<&'a Attempt> for Object<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        Self::Attempt(attempt.into())
    }
}

impl<'a> From<&'a Kept> for Object<'a> {
    fn from(kept: &'a Kept) -> Self {
        let newest = kept.newest();
        let mut delivery = DeliveryObject::from(&*kept.delivery);
        if let Some(relay) = &mut delivery.relay {
            relay.repeats = kept.repeats;
        }
        Self::Kept(KeptObject {
            delivery,
            marked: kept.marked,
            replays: kept.replays(),
            status: newest.and_then(Attempt::status),
            error: newest.and_then(|attempt| match &attempt.outcome {
                Outcome::Failed(failure) => Some(failure.code.name()),
                Outcome::Answered(_) => None,
            }),
            took_ms: newest.map(|attempt| in_milliseconds(attempt.took)),
            attempts: kept.attempts.iter().map(|a| (&**a).into()).collect(),
        })
    }
}

impl<'a> From<&'a delivery::Verdict> for VerdictObject<'a> {
    fn from(verdict: &'a delivery::Verdict) -> Self {
        let (scheme, secret, reason) = match verdict {
            delivery::Verdict::Valid { scheme, secret } => {
                (Some(scheme.name()), Some(&**secret), None)
            }
            delivery::Verdict::Invalid { reason } => (None, None, Some(&**reason)),
            delivery::Verdict::Unsigned | delivery::Verdict::Unchecked => (None, None, None),
        };
        Self {
            status: verdict.status(),
            scheme,
            secret,
            reason,
        }
    }
}

impl<'a> Object<'a> {
    /// The delivery's new verdict.
    pub fn verdict_of(delivery: &'a Delivery) -> Self {
        Self::Verdict {
            delivery: delivery.id,
            verdict: (&delivery.request.verdict).into(),
        }
    }
}

impl<'a> From<&'a Delivery> for DeliveryObject<'a> {
    fn from(delivery: &'a Delivery) -> Self {
        let request = &delivery.request;
        Self {
            id: delivery.id,
            received_at: request.received_at,
            peer: &request.peer,
            event: request.event.as_deref(),
            verdict: (&request.verdict).into(),
            request: RequestObject {
                method: &request.method,
                path: request.path(),
                query: request.query(),
                headers: HeaderList(&request.headers),
                body: (&request.body[..]).into(),
                size: request.body.len() as u64,
            },
            original: request.original,
            relay: request.relayed.as_deref().map(Into::into),
        }
    }
}

impl<'a> From<&'a Relayed> for RelayObject<'a> {
    /// Of one that was handed on once.
    fn from(relayed: &'a Relayed) -> Self {
        Self {
            id: &relayed.id,
            queued_at: relayed.queued_at,
            repeats: 0,
        }
    }
}

impl<'a> From<&'a Attempt> for AttemptObject<'a> {
    fn from(attempt: &'a Attempt) -> Self {
        let (response, error) = match &attempt.outcome {
            Outcome::Answered(answer) => (
                Some(ResponseObject {
                    headers: HeaderList(&answer.headers),
                    body: (&answer.body[..]).into(),
                    size: answer.size,
                    truncated: (answer.body.len() as u64) < answer.size,
                    first_byte_ms: answer.first_byte,
                }),
                None,
            ),
            Outcome::Failed(failure) => (None, Some(failure.into())),
        };
        Self {
            delivery: attempt.delivery,
            n: attempt.n,
            cause: attempt.cause.name(),
            target: &attempt.target,
            started_at: attempt.started_at,
            outcome: if error.is_some() {
                "failed"
            } else {
                "answered"
            },
            status: attempt.status(),
            took_ms: attempt.took,
            response,
            error,
        }
    }
}

impl<'a> From<&'a Failure> for FailureObject<'a> {
    fn from(failure: &'a Failure) -> Self {
        Self {
            code: failure.code.name(),
            message: &failure.message,
            hint: &failure.hint,
        }
    }
}

impl<'a> From<&'a OwnAnswer> for Object<'a> {
    fn from(answer: &'a OwnAnswer) -> Self {
        Self::Answer(AnswerObject {
            delivery: answer.delivery,
            by: answer.by.name(),
            status: answer.status,
            reason: answer.reason,
        })
    }
}

impl<'a> From<&'a Refusal> for Object<'a> {
    fn from(refusal: &'a Refusal) -> Self {
        Self::Refused(refusal.into())
    }
}

impl<'a> From<&'a delivery::Warning> for Object<'a> {
    fn from(warning: &'a delivery::Warning) -> Self {
        Self::Warning(warning.into())
    }
}

impl From<&Counts> for Object<'_> {
    fn from(counts: &Counts) -> Self {
        Self::Stopped(counts.into())
    }
}

impl From<&Counts> for Stopped {
    fn from(counts: &Counts) -> Self {
        Self {
            received: counts.received,
            valid: counts.valid,
            invalid: counts.invalid,
            unsigned: counts.unsigned,
            unchecked: counts.unchecked,
            answered: counts.answered,
            errors: counts.errors,
            failed: counts.failed,
            refused: counts.refused,
            evicted: counts.evicted,
            unsaved: counts.unsaved,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::delivery::{Headers, Received, Scheme, Verdict};

    #[test]
    fn a_new_verdict_is_said_in_the_shape_that_a_deliverys_has() {
        let delivery = Delivery {
            id: 41,
            request: Received {
                received_at: jiff::Timestamp::UNIX_EPOCH,
                peer: "127.0.0.1:1".into(),
                method: "POST".into(),
                path_and_query: "/".into(),
                headers: Headers::default(),
                body: bytes::Bytes::new(),
                event: None,
                verdict: Verdict::Valid {
                    scheme: Scheme::CakemailHex,
                    secret: "bounces".into(),
                },
                original: None,
                relayed: None,
            },
        };
        let mut line = Vec::new();
        Object::verdict_of(&delivery).write_line(&mut line).unwrap();
        // The line of the example in docs/json.md.
        let expected = r#"{"type":"verdict","delivery":41,"verdict":{"status":"valid","scheme":"cakemail-hex","secret":"bounces","reason":null}}"#;
        assert_eq!(std::str::from_utf8(&line).unwrap().trim_end(), expected);
    }

    #[test]
    fn a_repeat_is_said_with_how_often_there_was_one() {
        let mut line = Vec::new();
        let (delivery, times) = (42, 3);
        let object = Object::Repeated { delivery, times };
        object.write_line(&mut line).unwrap();
        let expected = r#"{"type":"repeated","delivery":42,"times":3}"#;
        assert_eq!(std::str::from_utf8(&line).unwrap().trim_end(), expected);
    }
}
