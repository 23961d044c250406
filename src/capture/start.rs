//! The start of an app's answer: as much of its body as is kept.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::failure;
use crate::config::Target;
use crate::delivery::Failure;
use crate::http::body::is_misframed;

/// Bytes of an answer's body that are kept with its attempt.
pub(super) const KEEP_BODY: usize = 1 << 20;
/// The same where too many answers are larger than this at once.
const KEEP_SMALL: usize = 64 << 10;

/// An answer's body as far as it is read before the sender gets any of it. The permit is
/// for one that is larger than a small one.
pub(super) enum Start {
    Whole(Bytes, Option<OwnedSemaphorePermit>),
    Part(Bytes, Option<OwnedSemaphorePermit>),
}

/// A large answer, which counts as one until its sender has read it.
pub(super) struct Permitted(
    Bytes,
    #[expect(dead_code, reason = "it is held")] OwnedSemaphorePermit,
);

impl Permitted {
    pub(super) const fn new(bytes: Bytes, permit: OwnedSemaphorePermit) -> Self {
        Self(bytes, permit)
    }
}

impl AsRef<[u8]> for Permitted {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// An answer that ends before its end.
pub(super) struct Broken {
    received: u64,
    is_misframed: bool,
}

impl Broken {
    pub(super) fn failure(&self, target: &Target) -> Failure {
        if self.is_misframed {
            failure::misframed(target, self.received)
        } else {
            failure::broke_off(target, self.received)
        }
    }
}

/// Reads until the end or until there is more than is kept.
pub(super) async fn read_start(
    body: &mut Incoming,
    large: &Arc<Semaphore>,
) -> Result<Start, Broken> {
    let mut permit = None;
    let mut first: Option<Bytes> = None;
    let mut more = BytesMut::new();
    let mut seen = 0;
    while !body.is_end_stream() {
        match body.frame().await {
            None => break,
            Some(Err(error)) => {
                return Err(Broken {
                    received: seen as u64,
                    is_misframed: is_misframed(&error),
                });
            }
            Some(Ok(frame)) => {
                let Ok(data) = frame.into_data() else {
                    continue;
                };
                seen += data.len();
                if first.is_none() && more.is_empty() {
                    first = Some(data);
                } else {
                    if let Some(first) = first.take() {
                        more.extend_from_slice(&first);
                    }
                    more.extend_from_slice(&data);
                }
            }
        }
        if seen > KEEP_SMALL && permit.is_none() {
            permit = Arc::clone(large).try_acquire_owned().ok();
        }
        if seen > KEEP_BODY || (seen > KEEP_SMALL && permit.is_none()) {
            return Ok(Start::Part(exactly(first, &more), permit));
        }
    }
    Ok(Start::Whole(exactly(first, &more), permit))
}

/// A copy of its exact size: what hyper hands out keeps its read buffer alive.
fn exactly(first: Option<Bytes>, more: &[u8]) -> Bytes {
    first.map_or_else(
        || Bytes::copy_from_slice(more),
        |first| Bytes::copy_from_slice(&first),
    )
}
