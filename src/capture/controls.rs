//! What a running listener does, changeable while it runs: where deliveries go, which secrets
//! are known, and whether forwarding is paused.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use tokio::sync::watch;

use crate::cakemail::signature::Secret;
use crate::config::{Policy, Target};

/// A handle on it; clones share one.
///
/// Whoever reads gets what holds now and works with that to the end: a change is for
/// deliveries that come later.
#[derive(Clone, Debug)]
pub struct Controls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Held for as long as a pointer takes to copy, and never across an await.
    state: RwLock<State>,
    changes: watch::Sender<u64>,
}

#[derive(Debug)]
struct State {
    policy: Arc<Policy>,
    secrets: Arc<[Secret]>,
    paused: bool,
}

/// Why a secret was not added. It names labels and never a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddSecretError {
    /// Another secret has that label.
    #[error("another secret is called `{}` already", .0.escape_debug())]
    Label(Arc<str>),
    /// The same secret is known, under this label.
    #[error("this secret is known already: it is `{}`", .0.escape_debug())]
    Value(Arc<str>),
}

impl AddSecretError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Label(_) => "give it another label",
            Self::Value(_) => "what it does not verify was signed with another one",
        }
    }
}

impl Controls {
    /// As the settings say, and not paused.
    pub fn new(policy: Policy, secrets: Vec<Secret>) -> Self {
        Self(Arc::new(Inner {
            state: RwLock::new(State {
                policy: Arc::new(policy),
                secrets: secrets.into(),
                paused: false,
            }),
            changes: watch::Sender::new(0),
        }))
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        // Every change below is made in one step.
        let state = self.0.state.read();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a change, and tells of it unless `make` says that there is none.
    fn change(&self, make: impl FnOnce(&mut State) -> bool) {
        let is_change = {
            let state = self.0.state.write();
            make(&mut state.unwrap_or_else(PoisonError::into_inner))
        };
        if is_change {
            self.0.changes.send_modify(|changes| *changes += 1);
        }
    }

    /// What is done with a delivery besides keeping it.
    pub fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.state().policy)
    }

    /// What deliveries are verified with.
    pub fn secrets(&self) -> Arc<[Secret]> {
        Arc::clone(&self.state().secrets)
    }

    /// Whether deliveries are kept and not forwarded.
    pub fn is_paused(&self) -> bool {
        self.state().paused
    }

    /// Pauses forwarding or goes on with it. What is being forwarded already goes on, and so
    /// do replays.
    pub fn pause(&self, paused: bool) {
        self.change(|state| {
            let is_change = state.paused != paused;
            state.paused = paused;
            is_change
        });
    }

    /// Forwards to these targets from now on; routes and all else stay as they are.
    ///
    /// A status that every delivery is answered with (`--status`) is not used any more once
    /// there is a target: whoever sets one wants deliveries to go there.
    pub fn set_forward(&self, targets: Vec<Target>) {
        self.change(|state| {
            let mut policy = Policy::clone(&state.policy);
            if !targets.is_empty() {
                policy.status = None;
            }
            policy.forward = targets;
            state.policy = Arc::new(policy);
            true
        });
    }

    /// Verifies with this secret too from now on. What is kept keeps its verdict, see
    /// [`Again::add_secret`](super::again::Again::add_secret).
    ///
    /// # Errors
    /// Where there is one with that label, or the secret itself is known.
    pub fn add_secret(&self, secret: Secret) -> Result<(), AddSecretError> {
        let mut refused = None;
        self.change(|state| {
            let known = || state.secrets.iter();
            refused = known()
                .find(|known| known.is_same(&secret))
                .map(|known| AddSecretError::Value(Arc::clone(known.label())))
                .or_else(|| {
                    known()
                        .find(|known| known.label() == secret.label())
                        .map(|known| AddSecretError::Label(Arc::clone(known.label())))
                });
            if refused.is_none() {
                state.secrets = known().cloned().chain([secret]).collect();
            }
            refused.is_none()
        });
        refused.map_or(Ok(()), Err)
    }

    /// A number that grows with every change.
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changes.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    fn secret(label: &str, value: &str) -> Secret {
        Secret::new(label, None, value).unwrap()
    }

    #[test]
    fn a_target_takes_the_place_of_the_others_and_of_a_status() {
        let policy = Policy {
            forward: vec!["3000".parse().unwrap()],
            routes: vec![("email.*".parse().unwrap(), "3001".parse().unwrap())],
            ack: true,
            status: Some(StatusCode::ACCEPTED),
            ..Policy::default()
        };
        let controls = Controls::new(policy, Vec::new());
        let changed = controls.changed();
        let before = controls.policy();
        controls.set_forward(Vec::new());
        assert_eq!(controls.policy().status, Some(StatusCode::ACCEPTED));
        controls.set_forward(vec!["4000".parse().unwrap(), "4001".parse().unwrap()]);
        let policy = controls.policy();
        let targets: Vec<_> = policy.targets().map(ToString::to_string).collect();
        let expected = [4000, 4001, 3001].map(|port| format!("http://localhost:{port}"));
        assert_eq!(targets, expected);
        assert_eq!((policy.ack, policy.status), (true, None));
        // Who has begun with the policy of before ends with it.
        assert_eq!(before.forward.len(), 1);
        assert_eq!(*changed.borrow(), 2);
    }

    #[test]
    fn a_secret_is_added_once_and_its_value_never_told() {
        let controls = Controls::new(Policy::default(), vec![secret("a", "sentinel-1")]);
        let changed = controls.changed();
        let same = controls.add_secret(secret("b", "sentinel-1")).unwrap_err();
        assert_eq!(same, AddSecretError::Value("a".into()));
        let taken = controls.add_secret(secret("a", "sentinel-2")).unwrap_err();
        assert_eq!(taken, AddSecretError::Label("a".into()));
        assert_eq!(*changed.borrow(), 0);
        controls.add_secret(secret("b", "sentinel-2")).unwrap();
        assert_eq!(*changed.borrow(), 1);
        let secrets = controls.secrets();
        let labels: Vec<_> = secrets.iter().map(|s| s.label().to_string()).collect();
        assert_eq!(labels, ["a", "b"]);
        for text in [format!("{same} {taken}"), format!("{controls:?}{same:?}")] {
            assert!(!text.contains("sentinel"), "{text}");
        }
    }

    #[test]
    fn a_pause_is_a_change_when_it_is_one() {
        let controls = Controls::new(Policy::default(), Vec::new());
        let changed = controls.changed();
        let other = controls.clone();
        for paused in [false, true, true, false] {
            other.pause(paused);
            assert_eq!(controls.is_paused(), paused);
        }
        assert_eq!(*changed.borrow(), 2);
    }
}
