//! Deliveries that break a tunnel each time that they are handed on. What waits is handed on
//! in order, so that such a one would hold up everything behind it for as long as it may wait.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use h2::Reason;

use super::carrier::NotSent;

/// As much blame as is enough.
const ENOUGH: u32 = 20;
/// What the other end says of this one alone, or takes it as a reason to end the connection:
/// three times are enough.
const REFUSED: u32 = 7;
/// The connection was lost, as happens on a bad line, with whatever was on it.
const LOST: u32 = 1;

/// How much a delivery is to blame for what became of it.
pub(super) fn blame(error: &NotSent) -> u32 {
    match error {
        NotSent::Reset(Reason::REFUSED_STREAM) | NotSent::Leaving | NotSent::Ended(_) => 0,
        NotSent::Reset(_) => REFUSED,
        NotSent::Broke { is_fault, .. } if *is_fault => REFUSED,
        NotSent::Broke { .. } => LOST,
    }
}

/// Of each name the delivery that was handed on last in vain, and how much it is to blame.
#[derive(Debug, Default)]
pub(super) struct Blamed(Mutex<Names>);

type Names = HashMap<Box<str>, (Box<str>, u32)>;

impl Blamed {
    fn names(&self) -> MutexGuard<'_, Names> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what became of a delivery, and tells whether it should not be tried again.
    pub(super) fn note(&self, name: &str, id: &str, blame: u32) -> bool {
        let mut names = self.names();
        let (last, sum) = names.entry(name.into()).or_default();
        if &**last != id {
            (*last, *sum) = (id.into(), 0);
        }
        *sum += blame;
        *sum >= ENOUGH
    }

    /// Forgets what was in the way of a name.
    pub(super) fn forget(&self, name: &str) {
        self.names().remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_refusals_are_enough_and_a_bad_line_is_borne_longer() {
        let blamed = Blamed::default();
        let lost = || blamed.note("shop", "1", LOST);
        assert!((0..ENOUGH - 1).all(|_| !lost()) && lost());
        let refused = |id| blamed.note("shop", id, REFUSED);
        assert!(!refused("2") && !refused("2") && refused("2"));
        assert!(!refused("3") && !refused("3"));
        blamed.forget("shop");
        assert!(!refused("3"));
        assert!(!blamed.note("other", "3", REFUSED));
    }

    #[test]
    fn a_request_that_was_not_begun_is_not_to_blame() {
        assert_eq!(blame(&NotSent::Reset(Reason::REFUSED_STREAM)), 0);
        assert_eq!(blame(&NotSent::Reset(Reason::INTERNAL_ERROR)), REFUSED);
        let broke = |is_fault| NotSent::Broke {
            error: Reason::CANCEL.into(),
            is_fault,
        };
        assert_eq!(
            [true, false].map(|fault| blame(&broke(fault))),
            [REFUSED, LOST]
        );
    }
}
