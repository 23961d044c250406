//! What the store tells of the newest deliveries.

use std::path::Path;

use super::Doctor;
use crate::cakemail::diagnosis::{Keys, why_refused};
use crate::check::Check;
use crate::check::app::{Newest, lately};
use crate::config::Target;
use crate::delivery::{Kept, Outcome, Scheme, Verdict};
use crate::store::{Limits, Reader};

/// So many of the newest deliveries are looked at.
const NEWEST: usize = 200;

/// What the newest deliveries whose signatures are right tell.
#[derive(Default)]
pub(super) struct Lately {
    /// The schemes in which those have come that cmhook did not make itself, that of the newest
    /// first.
    pub(super) schemes: Vec<Scheme>,
    /// The newest that each app has answered.
    answered: Vec<Answered>,
}

struct Answered {
    target: Target,
    kept: Kept,
    /// Which of its attempts it was.
    at: usize,
    /// How many in a row were refused, from this one back.
    refused: usize,
    /// Whether all were so far.
    is_row: bool,
}

impl Lately {
    pub(super) fn of(store: &Path) -> Self {
        let newest = Limits {
            count: NEWEST,
            ..Limits::NONE
        };
        let reader = Reader::open(store).ok();
        let found = reader.and_then(|reader| reader.read(0..=u64::MAX, newest).ok());
        let mut lately = Self::default();
        for kept in found.into_iter().flat_map(|found| found.kept).rev() {
            if let Verdict::Valid { scheme, .. } = kept.delivery.request.verdict {
                lately.see(scheme, &kept);
                lately.count(&kept);
            }
        }
        lately
    }

    fn see(&mut self, scheme: Scheme, kept: &Kept) {
        let request = &kept.delivery.request;
        let agent = request.headers.get("user-agent").unwrap_or_default();
        let is_own = agent.windows(7).any(|part| part == b"(cmhook");
        if !is_own && request.original.is_none() && !self.schemes.contains(&scheme) {
            self.schemes.push(scheme);
        }
    }

    /// What each app has answered to it last.
    fn count(&mut self, kept: &Kept) {
        let mut done: Vec<Target> = Vec::new();
        for (at, attempt) in kept.attempts.iter().enumerate().rev() {
            let Outcome::Answered(answer) = &attempt.outcome else {
                continue;
            };
            // A target has no query; that is the delivery's.
            let url = attempt.target.split('?').next().unwrap_or_default();
            let Ok(target) = url.parse::<Target>() else {
                continue;
            };
            if done.iter().any(|other| is_same_app(other, &target)) {
                continue;
            }
            let request = &kept.delivery.request;
            let is_refused = why_refused(request, answer.into(), &Keys::default()).is_some();
            let mut known = self.answered.iter_mut();
            match known.find(|one| is_same_app(&one.target, &target)) {
                Some(one) => {
                    one.is_row &= is_refused;
                    one.refused += usize::from(one.is_row);
                }
                None => self.answered.push(Answered {
                    target: target.clone(),
                    kept: kept.clone(),
                    at,
                    refused: usize::from(is_refused),
                    is_row: is_refused,
                }),
            }
            done.push(target);
        }
    }
}

/// Whether the same program is behind both, whatever the path.
fn is_same_app(one: &Target, other: &Target) -> bool {
    let is_same_host = one.host().eq_ignore_ascii_case(other.host());
    one.is_https() == other.is_https()
        && one.port() == other.port()
        && (is_same_host || one.is_loopback() && other.is_loopback())
}

impl Doctor<'_> {
    pub(super) async fn lately(&self) -> &Lately {
        let find = || async {
            let Some(path) = self.configured.settings.store.path.clone() else {
                return Lately::default();
            };
            let look = move || Lately::of(&path);
            tokio::task::spawn_blocking(look).await.unwrap_or_default()
        };
        self.lately.get_or_init(find).await
    }

    /// What the app has made of the newest delivery.
    pub(super) async fn delivered(&self, target: &Target) -> Check {
        let mut answered = self.lately().await.answered.iter();
        let found = answered.find(|one| is_same_app(&one.target, target));
        let several = self.has_several(target).await;
        let newest = found.and_then(|one| {
            let Outcome::Answered(answer) = &one.kept.attempts.get(one.at)?.outcome else {
                return None;
            };
            Some(Newest {
                id: one.kept.delivery.id,
                request: &one.kept.delivery.request,
                answer,
                refused: one.refused,
                several,
            })
        });
        lately(target, newest.as_ref(), &self.commands)
    }
}
