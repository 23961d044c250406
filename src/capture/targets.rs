//! Where a store's last listener forwarded to, kept in the store for commands that come later.

use serde::{Deserialize, Serialize};

use crate::config::Policy;
use crate::store::{Reader, Store};

/// The key that it is kept under.
const TARGETS: &str = "targets";

#[derive(Debug, Default, Serialize, Deserialize)]
struct Targets {
    forward: Vec<String>,
    routes: Vec<(String, String)>,
}

/// Keeps in the store where its listener forwards to. One that forwards nowhere changes
/// nothing.
pub fn remember(store: &Store, policy: &Policy) {
    if policy.targets().next().is_none() {
        return;
    }
    let targets = Targets {
        forward: policy.forward.iter().map(ToString::to_string).collect(),
        routes: policy
            .routes
            .iter()
            .map(|(pattern, target)| (pattern.to_string(), target.to_string()))
            .collect(),
    };
    if let Ok(text) = serde_json::to_string(&targets) {
        store.remember(TARGETS, text);
    }
}

/// What [`remember`] kept, as a policy that says nothing else.
pub fn remembered(reader: &Reader) -> Policy {
    let text = reader.text(TARGETS).unwrap_or_default();
    let targets: Targets = serde_json::from_str(&text).unwrap_or_default();
    let parsed = |text: &String| text.parse().ok();
    Policy {
        forward: targets.forward.iter().filter_map(parsed).collect(),
        routes: targets
            .routes
            .iter()
            .filter_map(|(glob, target)| Some((glob.parse().ok()?, target.parse().ok()?)))
            .collect(),
        ..Policy::default()
    }
}
