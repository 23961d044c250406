//! What is believed of the target that is watched, and what attempts say against it.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::config::Target;

// Of the state, and of what attempts have said against it.
const NOTHING: u8 = 0;
const UP: u8 = 1;
const DOWN: u8 = 2;

/// Shared by whoever forwards and the one who watches. As long as attempts go as is believed,
/// or nobody watches, they cost one load each.
#[derive(Debug, Default)]
pub(super) struct Belief {
    state: AtomicU8,
    said: AtomicU8,
    watched: Mutex<Option<Target>>,
    doubt: Notify,
}

/// What an attempt has shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// What was thought to be down has answered.
    Answered,
    /// What was thought to be up did not answer.
    Failed,
    /// It has been settled already.
    Settled,
}

impl Belief {
    fn watched(&self) -> MutexGuard<'_, Option<Target>> {
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches this target from now on, of which nothing is known yet.
    pub(super) fn watch(&self, target: Option<&Target>) {
        let mut watched = self.watched();
        self.state.store(NOTHING, Ordering::Relaxed);
        self.said.store(NOTHING, Ordering::Relaxed);
        *watched = target.cloned();
    }

    /// What is believed of it; `None` where nothing is.
    pub(super) fn set(&self, is_up: Option<bool>) {
        let state = is_up.map_or(NOTHING, |is_up| if is_up { UP } else { DOWN });
        self.state.store(state, Ordering::Relaxed);
    }

    /// Forgets what was said before: the target is tried again right now.
    pub(super) fn settle(&self) {
        self.said.store(NOTHING, Ordering::Relaxed);
    }

    /// An attempt was answered.
    pub(super) fn answered(&self, target: &Target) {
        self.object(DOWN, UP, target);
    }

    /// An attempt was not answered.
    pub(super) fn failed(&self, target: &Target) {
        self.object(UP, DOWN, target);
    }

    fn object(&self, to: u8, says: u8, target: &Target) {
        if self.state.load(Ordering::Relaxed) != to {
            return;
        }
        // Held, so that nothing is said of a target that is not watched any more.
        let watched = self.watched();
        if watched.as_ref() == Some(target) {
            self.said.store(says, Ordering::Relaxed);
            drop(watched);
            self.doubt.notify_one();
        }
    }

    /// Waits until an attempt says something else than is believed.
    pub(super) async fn doubt(&self) -> Doubt {
        self.doubt.notified().await;
        match self.said.swap(NOTHING, Ordering::Relaxed) {
            UP => Doubt::Answered,
            DOWN => Doubt::Failed,
            _ => Doubt::Settled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::{Context, Waker};

    fn look(belief: &Belief) -> Option<Doubt> {
        let mut doubt = std::pin::pin!(belief.doubt());
        match doubt.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            std::task::Poll::Ready(doubt) => Some(doubt),
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn only_what_contradicts_the_belief_is_heard_and_only_of_the_watched() {
        let [watched, other]: [Target; 2] = ["3000", "3001"].map(|port| port.parse().unwrap());
        let belief = Belief::default();
        let both = |target: &Target| {
            belief.answered(target);
            belief.failed(target);
        };
        both(&watched);
        assert_eq!(look(&belief), None, "nobody watches");
        belief.watch(Some(&watched));
        both(&watched);
        assert_eq!(look(&belief), None, "nothing is known");
        belief.set(Some(true));
        belief.answered(&watched);
        both(&other);
        assert_eq!(look(&belief), None);
        both(&watched);
        assert_eq!(look(&belief), Some(Doubt::Failed));
        assert_eq!(look(&belief), None);
        belief.failed(&watched);
        belief.settle();
        assert_eq!(look(&belief), Some(Doubt::Settled));
        belief.set(Some(false));
        both(&other);
        both(&watched);
        assert_eq!(look(&belief), Some(Doubt::Answered));
        belief.watch(None);
        both(&watched);
        assert_eq!(look(&belief), None);
    }
}
