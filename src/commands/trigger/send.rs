//! Sending all of them.

use std::time::Duration;

use futures_util::{Stream, StreamExt as _, stream};
use tokio::time::{Interval, MissedTickBehavior};

use super::payloads::Payloads;
use crate::capture::trigger::send::{Sender, Sent};

/// Answers that are waited for at once where there is a rate.
const AT_ONCE: usize = 64;

/// Sends all of them, one after the other or at an interval, and gives what came of
/// them in their order.
pub(super) fn send_all<'a>(
    sender: &'a Sender,
    payloads: &'a Payloads,
    interval: Option<Duration>,
) -> impl Stream<Item = anyhow::Result<Sent>> + 'a {
    let ticks = interval.map(|interval| {
        let mut ticks = tokio::time::interval(interval);
        // What could not be sent in time is not made up for in a burst.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks
    });
    let at_once = if interval.is_some() { AT_ONCE } else { 1 };
    let due = stream::unfold(
        (0, ticks),
        |(n, mut ticks): (u64, Option<Interval>)| async move {
            if let Some(ticks) = &mut ticks {
                ticks.tick().await;
            }
            Some((n, (n + 1, ticks)))
        },
    );
    let count = usize::try_from(payloads.len()).unwrap_or(usize::MAX);
    due.take(count)
        .map(move |n| async move { Ok(sender.send(payloads.made(n)?).await) })
        .buffered(at_once)
}
