//! A signed sample, sent to the running listener's own door.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::random_seed;
use super::request::{Payload, Requests};
use super::send::{Sender, Sent};
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
/// # Errors
/// Where there is no such sample or no way to make one, in plain words.
pub async fn send(again: &Again, door: &str, event: &str) -> Result<(Option<u64>, Sent), String> {
    let (Some(sample), Ok(door)) = (sample::find(event), door.parse::<Target>()) else {
        return Err(format!("there is no sample of {}", event.escape_debug()));
    };
    let seed = random_seed().map_err(|_| "the system gives no random numbers".to_owned())?;
    let payload = Payload::sample(sample, seed, Timestamp::now());
    let body = payload.body.clone();
    let requests = Requests {
        secrets: again.secrets().to_vec(),
        scheme: Scheme::CakemailHex,
        headers: Vec::new(),
    };
    let sender = Sender::new(door, requests, PATIENCE, false);
    let before = again.store().newest(1);
    let before = before.last().map_or(0, |kept| kept.delivery.id);
    let sent = sender.send(payload).await;
    Ok((find(again.store(), before, &body), sent))
}

/// The delivery that this body came in with, among those that are newer than `before`. No
/// other has the same: a seed and a time are in it.
fn find(store: &Store, before: u64, body: &Bytes) -> Option<u64> {
    let newer = store.after(before, usize::MAX);
    let has_it = |kept: &&Kept| kept.delivery.request.body == *body;
    newer.iter().rev().find(has_it).map(|kept| kept.delivery.id)
}
