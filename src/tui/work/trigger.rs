//! Sending a sample of an event.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::Worker;
use crate::cakemail::sample;
use crate::capture::trigger::random_seed;
use crate::capture::trigger::request::{Payload, Requests};
use crate::capture::trigger::send::{Sender, Sent};
use crate::config::Target;
use crate::delivery::Scheme;
use crate::delivery::words::took;
use crate::store::Store;
use crate::tui::msg::{Msg, Said};

/// How long the listener may take to answer. It answers by itself where an app takes too
/// long, whatever the user has set as that.
const PATIENCE: Duration = Duration::from_hours(1);

impl Worker {
    /// Sends a signed sample to the door that Cakemail uses: it is taken in, forwarded and
    /// answered as any other, with or without a target.
    pub(super) fn trigger(&self, event: &'static str) {
        let (Some(sample), Ok(door)) = (sample::find(event), self.url.parse::<Target>()) else {
            self.say(Said::bad(format!("there is no sample of {event}")));
            return;
        };
        let this = self.clone();
        self.runtime.spawn(async move {
            let Ok(seed) = random_seed() else {
                this.say(Said::bad("the system gives no random numbers"));
                return;
            };
            let payload = Payload::sample(sample, seed, Timestamp::now());
            let body = payload.body.clone();
            let secrets = this.again.secrets().to_vec();
            let requests = Requests {
                secrets,
                scheme: Scheme::CakemailHex,
                headers: Vec::new(),
            };
            let sender = Sender::new(door, requests, PATIENCE, false);
            let before = this.store().ids().last().copied().unwrap_or_default();
            let sent = sender.send(payload).await;
            let id = find(this.store(), before, &body);
            if let Some(id) = id {
                this.tell(Msg::Select(id));
            }
            this.say(remark(event, id, &sent));
        });
    }
}

/// The delivery that this body came in with, among those that are newer than `before`. No
/// other has the same: a seed and a time are in it.
fn find(store: &Store, before: u64, body: &Bytes) -> Option<u64> {
    let ids = store.ids();
    let newer = ids.into_iter().rev().take_while(|id| *id > before);
    let has_it = |kept: &crate::delivery::Kept| kept.delivery.request.body == *body;
    newer
        .filter_map(|id| store.get(id))
        .find(has_it)
        .map(|kept| kept.delivery.id)
}

fn remark(event: &str, id: Option<u64>, sent: &Sent) -> Said {
    let what = match id {
        Some(id) => format!("Sent {event} as #{id}"),
        None => format!("Sent {event}"),
    };
    match &sent.answer {
        Ok(answer) => Said {
            text: format!("{what}: answered {} in {}", answer.status, took(sent.took)),
            bad: answer.status >= 400,
        },
        Err(failure) => Said::bad(format!("cannot send {event}: {}", failure.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tui::work::test_bench::{Bench, said};

    #[tokio::test]
    async fn a_sample_comes_in_as_any_other() {
        let mut bench = Bench::new().await;
        for (forwards, status) in [(true, 200), (false, 200)] {
            if !forwards {
                bench = Bench::without_target().await;
            }
            bench.worker.trigger("email.opened");
            let Msg::Select(id) = bench.next().await else {
                panic!("it is not selected");
            };
            let (text, bad) = said(bench.next().await);
            let begin = format!("Sent email.opened as #{id}: answered {status} in ");
            assert!(text.starts_with(&begin) && !bad, "{text}");
            let kept = bench.worker.store().get(id).unwrap();
            assert_eq!(kept.delivery.request.event.as_deref(), Some("email.opened"));
            assert!(kept.delivery.request.verdict.is_valid());
            assert_eq!(kept.attempts.len(), usize::from(forwards));
        }
    }
}
