//! A signed sample, sent to the running listener's own door.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::random_seed;
use super::request::{Payload, Requests};
use super::send::{Sender, Sent};
use crate::cakemail::event::{EventPattern, is_of_the_api};
use crate::cakemail::sample;
use crate::capture::again::Again;
use crate::config::Target;
use crate::delivery::{Kept, Scheme};
use crate::store::Store;

/// How long the listener may take to answer. It answers by itself where an app takes too
/// long, whatever the user has set as that.
const PATIENCE: Duration = Duration::from_hours(1);

/// Sends a sample of an event to the door that Cakemail uses: it is taken in, forwarded and
/// answered as any other, with or without a target. The first part of the result is the id
/// of the delivery that it became.
///
/// To a listener with webhooks of its own comes what the API sends: its names, its envelope, its
/// header, signed with the key of the event's webhook.
///
/// # Errors
/// Where there is no such sample or no way to make one, in plain words.
pub async fn send(again: &Again, door: &str, event: &str) -> Result<(Option<u64>, Sent), String> {
    let is_registered = !again.store().registrations().is_empty();
    let name = if is_registered {
        api_name(event)
    } else {
        event
    };
    let (Some(sample), Ok(door)) = (sample::find(name), door.parse::<Target>()) else {
        return Err(format!("there is no sample of {}", event.escape_debug()));
    };
    let seed = random_seed().map_err(|_| "the system gives no random numbers".to_owned())?;
    let payload = Payload::sample(sample, seed, Timestamp::now());
    let body = payload.body.clone();
    let mut secrets = again.secrets().to_vec();
    // A webhook's key is its event's, and no glob's.
    secrets.sort_by_key(|secret| secret.event() != Some(name));
    let requests = Requests {
        secrets,
        scheme: if is_registered && is_of_the_api(name) {
            Scheme::ApiBase64
        } else {
            Scheme::CakemailHex
        },
        headers: Vec::new(),
    };
    let sender = Sender::new(door, requests, PATIENCE, false);
    let before = again.store().newest(1);
    let before = before.last().map_or(0, |kept| kept.delivery.id);
    let sent = sender.send(payload).await;
    Ok((find(again.store(), before, &body), sent))
}

/// The API's name of an event; what only the manual has stays as it is.
fn api_name(event: &str) -> &str {
    if is_of_the_api(event) {
        return event;
    }
    let pattern = event.parse::<EventPattern>().ok();
    let names = pattern.filter(|pattern| !pattern.is_glob());
    let name = names.and_then(|pattern| pattern.api_names().first().copied());
    name.unwrap_or(event)
}

/// The delivery that this body came in with, among those that are newer than `before`. No
/// other has the same: a seed and a time are in it.
fn find(store: &Store, before: u64, body: &Bytes) -> Option<u64> {
    let newer = store.after(before, usize::MAX);
    let has_it = |kept: &&Kept| kept.delivery.request.body == *body;
    newer.iter().rev().find(has_it).map(|kept| kept.delivery.id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_has_most_events_under_a_name_of_its_own() {
        for (event, name) in [
            ("email.opened", "Email.Opened"),
            ("Email.Opened", "Email.Opened"),
            ("email.spam_complaint", "Email.ReportedAsSpam"),
            ("campaign.sent", "campaign.sent"),
            ("email.*", "email.*"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(api_name(event), name);
        }
    }
}
