//! One try from its beginning to what is kept and told of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::book::Book;
use super::engine::Engine;
use super::queue::Status;
use super::report::Report;
use super::schedule::Schedule;
use super::tries::Try;
use super::{now, send};
use crate::http::client::Connector;

/// How long one is on its way before the next is begun, unless it is answered before that.
const HEAD_START: Duration = Duration::from_millis(50);
/// How long what cannot be kept waits for that, as on a disk that is full.
const KEEP_AGAIN: Duration = Duration::from_millis(500);

/// What a try takes.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) book: Book,
    pub(super) connector: Connector,
    pub(super) schedule: Schedule,
    pub(super) patience: Duration,
    /// Tries that nobody reads about in time are not reported.
    pub(super) reports: mpsc::Sender<Report>,
    pub(super) stop: CancellationToken,
}

/// Says that a try has ended, whatever becomes of its task.
struct Ending {
    engine: Engine,
    webhook: String,
    n: i64,
    next: Option<i64>,
}

impl Ending {
    /// The request is on its way. An app that hands connections to tasks of its own may come
    /// to the next one first, unless it has a head start.
    fn sent(&self) {
        let (engine, webhook, n) = (self.engine.clone(), self.webhook.clone(), self.n);
        tokio::spawn(async move {
            tokio::time::sleep(HEAD_START).await;
            engine.sent(webhook, n);
        });
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let webhook = std::mem::take(&mut self.webhook);
        self.engine.done(webhook, self.n, self.next);
    }
}

pub(super) async fn make(means: Arc<Means>, engine: Engine, webhook: String, n: i64) {
    let mut ending = Ending {
        engine,
        webhook,
        n,
        next: None,
    };
    let job = match means.book.with(move |book| book.job(n)).await {
        Ok(Some(job)) => job,
        Ok(None) => return,
        Err(error) => {
            tracing::error!("cannot read a delivery: {error}");
            ending.next = Some(now() + 1000);
            return;
        }
    };
    let signature = send::signature(&job);
    let (started_at, begin) = (now(), Instant::now());
    let connector = means.connector.clone();
    let sending = send::send(connector, &job, &signature, means.patience, || {
        ending.sent();
    });
    let outcome = sending.await;
    let (error, message) = outcome.failure.unzip();
    let mut tried = Try {
        n: job.tried + 1,
        url: job.url.clone(),
        signature,
        started_at,
        took: i64::try_from(begin.elapsed().as_micros()).unwrap_or(i64::MAX),
        status: outcome.status,
        error: error.map(|code| code.name().to_owned()),
        message,
        answer: outcome.answer,
        next_at: None,
        wait: None,
    };
    let kept = keep(&means, n, &mut tried).await;
    if let Some(became) = kept {
        ending.next = tried.next_at;
        let report = Report::new(&job, &tried, became);
        if means.reports.try_send(report).is_err() {
            tracing::debug!("nobody reads what came of tries");
        }
    }
}

/// Keeps what came of a try. Where the state cannot be written it waits for that: the app is
/// not asked again for something that it has answered. `None` where the delivery is gone, or
/// the sandbox stops before.
async fn keep(means: &Means, n: i64, tried: &mut Try) -> Option<Status> {
    let mut is_said = false;
    loop {
        let (mut copy, schedule) = (tried.clone(), means.schedule.clone());
        let recording = means.book.with(move |book| {
            let became = book.record(n, &mut copy, now(), &schedule)?;
            Ok((became, copy))
        });
        match recording.await {
            Ok((became, copy)) => {
                *tried = copy;
                return became;
            }
            Err(error) if !is_said => {
                is_said = true;
                tracing::error!("cannot keep what came of a try: {error}");
            }
            Err(_) => {}
        }
        tokio::select! {
            () = tokio::time::sleep(KEEP_AGAIN) => {}
            () = means.stop.cancelled() => return None,
        }
    }
}
