//! Sending, one after the other or several at once, until all is done or somebody stops it.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::Instant;

use super::edits::Edited;
use super::items::Item;
use super::plan::{Job, Plan};
use crate::cakemail::signature::Secret;
use crate::capture::again::{Draft, Sign, scheme_of, signed};
use crate::commands::hand::Hand;
use crate::commands::signals::Signals;
use crate::config::Target;
use crate::delivery::{Attempt, Delivery, Verdict};

/// One that was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// What.
    pub(super) job: Job,
    /// How it went.
    pub(super) attempt: Attempt,
    /// The edited copy that was kept for it.
    pub(super) copy: Option<Delivery>,
    /// Whether it was signed with a secret that is not known otherwise.
    pub(super) with_given: bool,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// Everything was sent.
    All,
    /// A signal came; what was sent is answered.
    Stopped,
}

/// What [`drive`] tells.
#[derive(Debug)]
pub(super) enum Told {
    /// An attempt has ended.
    Sent(Box<Sent>),
    /// A signal came, and so many answers are waited for.
    Stopping(usize),
}

/// A job that is later than this moves those behind it, where a rate is not to be exceeded.
/// Less is the timer's: to make up for it keeps the rate right.
const LATE: Duration = Duration::from_millis(100);

/// Sends the jobs and tells of each as soon as its answer is there. A signal ends it when
/// the answers that are under way have come, a second one at once.
///
/// # Errors
/// Where one cannot be sent at all, or `tell` fails. What is under way is waited for.
pub(super) async fn drive(
    hand: &Hand,
    to: Option<&Target>,
    items: &[Item],
    plan: &Plan,
    jobs: &[Job],
    mut tell: impl FnMut(Told) -> anyhow::Result<()>,
) -> anyhow::Result<End> {
    let mut signals = Signals::new()?;
    let mut waiting = jobs.iter();
    let mut under_way = FuturesUnordered::new();
    let start = Instant::now();
    let mut late = Duration::ZERO;
    let mut stopped = false;
    let mut failed = None;
    loop {
        let next = waiting.as_slice().first();
        let due = next
            .filter(|_| !stopped && failed.is_none() && under_way.len() < plan.concurrency)
            .map(|job| start + job.at.saturating_add(late));
        if due.is_none() && under_way.is_empty() {
            break;
        }
        tokio::select! {
            biased;
            () = signals.next() => {
                if stopped {
                    break;
                }
                stopped = true;
                tell(Told::Stopping(under_way.len()))?;
            }
            Some(done) = under_way.next(), if !under_way.is_empty() => {
                let told = match done {
                    Ok(sent) => tell(Told::Sent(Box::new(sent))),
                    Err(error) => Err(error),
                };
                failed = failed.or(told.err());
            }
            () = until(due), if due.is_some() => {
                if let Some(job) = waiting.next() {
                    let behind = start.elapsed().saturating_sub(job.at + late);
                    if !plan.catches_up() && behind > LATE {
                        late += behind;
                    }
                    under_way.push(send(hand, to, &items[job.item], *job));
                }
            }
        }
    }
    match failed {
        Some(error) => Err(error),
        None if stopped => Ok(End::Stopped),
        None => Ok(End::All),
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn send(hand: &Hand, to: Option<&Target>, item: &Item, job: Job) -> anyhow::Result<Sent> {
    let Some(edited) = &item.edited else {
        return Ok(Sent {
            job,
            attempt: hand.replay(item.kept.delivery.id, to).await?,
            copy: None,
            with_given: false,
        });
    };
    let (delivery, attempt, with_given) = match &edited.sign_with {
        None => {
            let (delivery, attempt) = hand.send(edited.draft.clone(), to).await?;
            (delivery, attempt, false)
        }
        Some(with) => signed_with(hand, to, item, edited, with).await?,
    };
    Ok(Sent {
        job,
        attempt,
        copy: Some(delivery),
        with_given,
    })
}

/// Signs with the secret of that label, which the listener may know, or else with the text
/// itself as the secret. What is no label never leaves this process but as a digest.
async fn signed_with(
    hand: &Hand,
    to: Option<&Target>,
    item: &Item,
    edited: &Edited,
    with: &SecretString,
) -> anyhow::Result<(Delivery, Attempt, bool)> {
    let scheme = edited.draft.sign.as_ref().and_then(|sign| sign.scheme);
    if hand.knows(with.expose_secret()) {
        let labelled = Draft {
            sign: Some(Sign {
                secret: Some(with.expose_secret().to_owned()),
                scheme,
            }),
            ..edited.draft.clone()
        };
        let (delivery, attempt) = hand.send(labelled, to).await?;
        return Ok((delivery, attempt, false));
    }
    let scheme = scheme.or(match &item.kept.delivery.request.verdict {
        Verdict::Valid { scheme, .. } => Some(*scheme),
        _ => None,
    });
    let draft = &edited.draft;
    let scheme = scheme.unwrap_or_else(|| scheme_of(&draft.headers));
    let secret = Secret::new("given", None, with.expose_secret())?;
    let draft = Draft {
        headers: signed(&draft.headers, &secret, scheme, &draft.body),
        sign: None,
        ..draft.clone()
    };
    let (delivery, attempt) = hand.send(draft, to).await?;
    Ok((delivery, attempt, true))
}
