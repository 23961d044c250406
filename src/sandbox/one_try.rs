//! One try from its beginning to what is kept and told of it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::book::Book;
use super::engine::Engine;
use super::report::Report;
use super::schedule::Schedule;
use super::tries::Try;
use super::{now, send};
use crate::http::client::Connector;

/// How long one is on its way before the next is begun, unless it is answered before that.
const HEAD_START: Duration = Duration::from_millis(50);
/// What a try takes.
#[derive(Debug)]
pub(super) struct Means {
    pub(super) book: Book,
    pub(super) connector: Connector,
    pub(super) schedule: Schedule,
    pub(super) patience: Duration,
    /// Tries that nobody reads about in time are not reported.
    pub(super) reports: mpsc::Sender<Report>,
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
    let schedule = means.schedule.clone();
    let recorded = means.book.with(move |book| {
        let became = book.record(n, &mut tried, now(), &schedule)?;
        Ok((became, tried))
    });
    match recorded.await {
        Ok((Some(became), tried)) => {
            ending.next = tried.next_at;
            let report = Report::new(&job, &tried, became);
            if means.reports.try_send(report).is_err() {
                tracing::debug!("nobody reads what came of tries");
            }
        }
        Ok((None, _)) => {}
        Err(error) => {
            tracing::error!("cannot keep what came of a try: {error}");
            ending.next = Some(now() + 1000);
        }
    }
}
