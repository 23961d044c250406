//! What is found out about a delivery before it is recorded: its verdict and its event.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use crate::cakemail::event;
use crate::cakemail::signature::Secret;
use crate::cakemail::verify::{judge, verify};
use crate::delivery::{Headers, Verdict};

/// Bodies over this size are hashed and parsed beside the runtime's threads, so that
/// they do not hold up small ones.
const LARGE_BODY: usize = 256 << 10;
/// Wrong signatures that are looked into at the same time.
const DIAGNOSES: usize = 2;

/// Finds out.
#[derive(Debug)]
pub(super) struct Examiner {
    secrets: Arc<[Secret]>,
    diagnosing: Semaphore,
}

impl Examiner {
    /// One that knows these secrets.
    pub(super) fn new(secrets: Arc<[Secret]>) -> Self {
        Self {
            secrets,
            diagnosing: Semaphore::new(DIAGNOSES),
        }
    }

    /// Verifies and reads the event's name.
    pub(super) async fn examine(
        &self,
        headers: &Headers,
        body: &Bytes,
    ) -> (Verdict, Option<Box<str>>) {
        let (verdict, event) = if body.len() <= LARGE_BODY {
            (judge(&self.secrets, headers, body), event::name_in(body))
        } else {
            let work = |secrets: &[Secret], headers: &Headers, body: &[u8]| {
                (judge(secrets, headers, body), event::name_in(body))
            };
            self.beside(headers, body, work)
                .await
                .unwrap_or((Some(Verdict::Unchecked), None))
        };
        if let Some(verdict) = verdict {
            return (verdict, event);
        }
        // Why a signature is wrong takes a hundred times as long to find out as that it is,
        // and whoever sends many such must not hold up the others.
        let _turn = self.diagnosing.acquire().await;
        let verdict = self.beside(headers, body, verify).await;
        (verdict.unwrap_or(Verdict::Unchecked), event)
    }

    /// Does some work beside the runtime's thread. Only a panic in there gives nothing.
    async fn beside<T: Send + 'static>(
        &self,
        headers: &Headers,
        body: &Bytes,
        work: impl FnOnce(&[Secret], &Headers, &[u8]) -> T + Send + 'static,
    ) -> Option<T> {
        let (secrets, headers, body) = (Arc::clone(&self.secrets), headers.clone(), body.clone());
        tokio::task::spawn_blocking(move || work(&secrets, &headers, &body))
            .await
            .ok()
    }
}
