//! What the routes act through and tell of.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::guard::Guard;
use super::hub::Hub;
use crate::cakemail::signature::Secret;
use crate::capture::again::Again;
use crate::capture::reach::{LazyReach, Reach, ReachState};
use crate::delivery::{Counts, Kept, Outcome, Registration, Tunnel, Warning};
use crate::wire;

/// Percentiles are of so many deliveries.
const NEWEST: usize = 1000;

/// What the API says of its listener.
#[derive(Debug, Clone)]
pub struct About {
    /// Where deliveries arrive.
    pub url: String,
    /// A public URL that is the user's own.
    pub public_url: Option<String>,
    /// The store's file; `None` where everything is in memory only.
    pub store: Option<String>,
    /// What was found out at the start and should be known.
    pub warnings: Vec<Warning>,
    /// Whether the page is served.
    pub page: bool,
}

/// What all routes share.
#[derive(Debug, Clone)]
pub(super) struct Parts {
    pub(super) again: Again,
    pub(super) about: Arc<About>,
    pub(super) guard: Arc<Guard>,
    pub(super) reach: LazyReach,
    pub(super) hub: Arc<Hub>,
    pub(super) tasks: TaskTracker,
    pub(super) stop: CancellationToken,
}

/// The listener at one moment.
pub(super) struct Now {
    targets: Vec<String>,
    reach: Option<Reach>,
    secrets: Arc<[Secret]>,
    paused: bool,
    counts: Counts,
    kept: usize,
    oldest: Option<u64>,
    times: Vec<std::time::Duration>,
    failing: Option<Warning>,
    tunnel: Option<Arc<Tunnel>>,
    registrations: Arc<[Arc<Registration>]>,
}

impl Parts {
    /// The listener as it is now.
    pub(super) fn now(&self) -> Now {
        let (store, controls) = (self.again.store(), self.again.controls());
        Now {
            targets: controls
                .policy()
                .targets()
                .map(ToString::to_string)
                .collect(),
            reach: self.reach.look(),
            secrets: controls.secrets(),
            paused: controls.is_paused(),
            counts: store.counts(),
            kept: store.len(),
            oldest: store.oldest(),
            tunnel: store.tunnel(),
            registrations: store.registrations(),
            failing: store.is_failing().then(|| Warning {
                code: "journal_failing",
                message: "the store cannot be written: senders are told 503".into(),
                hint: "free space on its disk; deliveries are written as soon as that works".into(),
            }),
            times: store
                .newest(NEWEST)
                .iter()
                .filter_map(answered_in)
                .collect(),
        }
    }

    /// Where deliveries arrive from elsewhere.
    pub(super) fn public_url<'a>(&'a self, tunnel: Option<&'a Tunnel>) -> Option<&'a str> {
        let own = self.about.public_url.as_deref();
        own.or_else(|| tunnel.and_then(Tunnel::open_url))
    }

    /// The same in JSON's shape, which borrows it.
    pub(super) fn status<'a>(&'a self, now: &'a Now) -> wire::Status<'a> {
        let first = self.again.policy().forward.first().map(ToString::to_string);
        let target = now
            .targets
            .iter()
            .find(|target| Some(*target) == first.as_ref());
        wire::Status {
            v: wire::VERSION,
            version: env!("CARGO_PKG_VERSION"),
            pid: std::process::id(),
            url: &self.about.url,
            public_url: self.public_url(now.tunnel.as_deref()),
            registered: (now.registrations.iter())
                .map(|one| (&**one).into())
                .collect(),
            tunnel: now.tunnel.as_deref().map(Into::into),
            targets: &now.targets,
            target: target.map(|url| target_object(url, now.reach.as_ref())),
            paused: now.paused,
            secrets: now.secrets.iter().map(|secret| &**secret.label()).collect(),
            store: self.about.store.as_deref(),
            kept: now.kept,
            oldest: now.oldest,
            counts: (&now.counts).into(),
            latency: wire::Latency::of(now.times.clone()),
            warnings: (self.about.warnings.iter())
                .chain(&now.failing)
                .map(Into::into)
                .collect(),
        }
    }
}

fn answered_in(kept: &Kept) -> Option<std::time::Duration> {
    let newest = kept.newest()?;
    matches!(newest.outcome, Outcome::Answered(_)).then_some(newest.took)
}

fn target_object<'a>(url: &'a str, reach: Option<&'a Reach>) -> wire::TargetObject<'a> {
    let known = reach.filter(|reach| {
        let target = reach.target.as_ref().map(ToString::to_string);
        target.as_deref() == Some(url) && reach.state != ReachState::Unknown
    });
    let down = known.and_then(|reach| match &reach.state {
        ReachState::Down(failure) => Some(failure),
        ReachState::Up | ReachState::Unknown => None,
    });
    wire::TargetObject {
        url,
        state: match (known, down) {
            (None, _) => "unknown",
            (Some(_), None) => "reachable",
            (Some(_), Some(_)) => "unreachable",
        },
        since: known.map(|reach| reach.since),
        reason: down.map(|failure| &*failure.message),
        hint: down.map(|failure| &*failure.hint),
    }
}
