//! Deliveries from JSON objects as `docs/json.md` has them.
//!
//! `cmhook listen --json` tells of an attempt in a line of its own, which is brought
//! together with its delivery here. Lines of other types are passed over.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use super::Problem;
use super::fields::check_request_line;
use super::fixture::checked;
use crate::delivery::{Attempt, Delivery, Kept, Verdict};
use crate::export::THROW_AWAY;
use crate::wire::{self, Read};

/// Values in one object. A delivery has a few dozen and 4 for each attempt's header; a
/// value takes some 30 times the memory of its shortest text.
const MOST_VALUES: usize = 500_000;

/// Where the deliveries of a stream are in the list of those that were read.
#[derive(Default)]
pub(super) struct Objects {
    by_id: HashMap<u64, usize>,
}

impl Objects {
    /// Reads an object and adds what it says to `kept`.
    pub(super) fn take(&mut self, text: &str, kept: &mut Vec<Kept>) -> Result<(), Problem> {
        if values(text) > MOST_VALUES {
            return Err(Problem::from("it holds too many values".to_owned()));
        }
        let mut object: Value = serde_json::from_str(text)?;
        let secret = object.get_mut("throw_away_secret").map(Value::take);
        match wire::read(object)? {
            Read::Delivery {
                id,
                request: mut received,
                marked,
                repeats,
                attempts,
            } => {
                check_request_line(&received.method, &received.path_and_query)?;
                match secret {
                    Some(Value::String(secret)) => received.verdict = checked(&secret, &received)?,
                    Some(Value::Null) | None => disown(&mut received.verdict),
                    Some(_) => {
                        return Err(Problem::from("`throw_away_secret` is no text".to_owned()));
                    }
                }
                self.by_id.insert(id, kept.len());
                let delivery = Delivery {
                    id,
                    request: *received,
                };
                let mut one = Kept::new(Arc::new(delivery));
                one.marked = marked;
                one.repeats = repeats;
                for attempt in attempts {
                    add(&mut one, attempt);
                }
                kept.push(one);
            }
            Read::Attempt(attempt) => {
                // One of a delivery that came in before the stream began has no place here.
                let delivery = self.by_id.get(&attempt.delivery);
                if let Some(one) = delivery.and_then(|at| kept.get_mut(*at)) {
                    add(one, *attempt);
                }
            }
            Read::Other => {}
        }
        Ok(())
    }
}

/// Numbers are given anew: a stream may lack some, and says 0 of late ones.
fn add(kept: &mut Kept, mut attempt: Attempt) {
    attempt.delivery = kept.delivery.id;
    attempt.n = u32::try_from(kept.attempts.len() + 1).unwrap_or(u32::MAX);
    kept.attempts.push(Arc::new(attempt));
}

/// Takes back a verdict that claims to have been checked here and was not.
pub(super) fn disown(verdict: &mut Verdict) {
    if matches!(verdict, Verdict::Valid { secret, .. } if **secret == *THROW_AWAY) {
        *verdict = Verdict::Unchecked;
    }
}

/// How many values a JSON text has at most, counted by what separates them.
fn values(text: &str) -> usize {
    let mut count = 1;
    let mut in_string = false;
    let mut escaped = false;
    for b in text.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b',' | b'[' | b'{' if !in_string => count += 1,
            _ => {}
        }
    }
    count
}
