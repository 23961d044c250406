//! What is found out about a delivery before it is recorded: its verdict and its event.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::Semaphore;

use super::controls::Controls;
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
    controls: Controls,
    diagnosing: Semaphore,
}

impl Examiner {
    /// One that knows the secrets of these controls.
    pub(super) fn new(controls: Controls) -> Self {
        Self {
            controls,
            diagnosing: Semaphore::new(DIAGNOSES),
        }
    }

    /// Verifies and reads the event's name. Tells also with which secrets: others may be
    /// known by the time that the delivery is recorded.
    pub(super) async fn examine(
        &self,
        headers: &Headers,
        body: &Bytes,
    ) -> (Verdict, Option<Box<str>>, Arc<[Secret]>) {
        let secrets = self.controls.secrets();
        let (verdict, event) = if body.len() <= LARGE_BODY {
            (judge(&secrets, headers, body), event::name_in(body))
        } else {
            let work = |secrets: &[Secret], headers: &Headers, body: &[u8]| {
                (judge(secrets, headers, body), event::name_in(body))
            };
            beside(&secrets, headers, body, work)
                .await
                .unwrap_or((Some(Verdict::Unchecked), None))
        };
        if let Some(verdict) = verdict {
            return (verdict, event, secrets);
        }
        // Why a signature is wrong takes a hundred times as long to find out as that it is,
        // and whoever sends many such must not hold up the others.
        let _turn = self.diagnosing.acquire().await;
        let verdict = beside(&secrets, headers, body, verify).await;
        (verdict.unwrap_or(Verdict::Unchecked), event, secrets)
    }
}

/// Does some work beside the runtime's thread. Only a panic in there gives nothing.
async fn beside<T: Send + 'static>(
    secrets: &Arc<[Secret]>,
    headers: &Headers,
    body: &Bytes,
    work: impl FnOnce(&[Secret], &Headers, &[u8]) -> T + Send + 'static,
) -> Option<T> {
    let (secrets, headers, body) = (Arc::clone(secrets), headers.clone(), body.clone());
    tokio::task::spawn_blocking(move || work(&secrets, &headers, &body))
        .await
        .ok()
}
