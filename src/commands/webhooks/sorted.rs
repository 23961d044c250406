//! What is to become of each webhook of an update.

use super::events::{Wanted, is_same};
use crate::cakemail::webhook::{Webhook, WebhookStatus};

/// What is to become of each.
pub(super) struct Sorted<'a> {
    /// They stay as active as they are.
    pub(super) kept: Vec<&'a Webhook>,
    /// Archived ones whose event is wanted again.
    pub(super) back: Vec<&'a Webhook>,
    /// Their event is not wanted any more.
    pub(super) dropped: Vec<&'a Webhook>,
    /// They are archived, and their event is not wanted either.
    pub(super) left: Vec<&'a Webhook>,
    /// There is none for them.
    pub(super) missing: Vec<Wanted>,
    /// New ones are made after this one.
    pub(super) model: &'a Webhook,
}

impl<'a> Sorted<'a> {
    /// `members` are not none.
    pub(super) fn of(members: &'a [Webhook], wanted: Option<&[Wanted]>) -> Self {
        let is_active = |webhook: &&Webhook| webhook.status == WebhookStatus::Active;
        let model = members.iter().find(is_active).unwrap_or(&members[0]);
        let mut sorted = Self {
            kept: Vec::new(),
            back: Vec::new(),
            dropped: Vec::new(),
            left: Vec::new(),
            missing: Vec::new(),
            model,
        };
        let Some(wanted) = wanted else {
            sorted.kept = members.iter().collect();
            return sorted;
        };
        let is_wanted =
            |webhook: &&Webhook| wanted.iter().any(|one| is_same(&one.event, &webhook.event));
        let active = members.iter().filter(is_active);
        (sorted.kept, sorted.dropped) = active.partition(is_wanted);
        for one in wanted {
            let is_it = |webhook: &&Webhook| is_same(&one.event, &webhook.event);
            if sorted.kept.iter().copied().any(|webhook| is_it(&webhook)) {
                continue;
            }
            // Of several the newest, whose key is the likeliest to be known to the app.
            match members.iter().rfind(is_it) {
                Some(webhook) => sorted.back.push(webhook),
                None => sorted.missing.push(one.clone()),
            }
        }
        let is_back = |webhook: &Webhook| sorted.back.iter().any(|known| known.id == webhook.id);
        let archived = members.iter().filter(|webhook| !is_active(webhook));
        sorted.left = archived.filter(|webhook| !is_back(webhook)).collect();
        sorted
    }
}
