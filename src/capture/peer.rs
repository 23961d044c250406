//! Who sent a request, and what is recorded where they hang up before it is here whole.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http::request::Parts;

use super::intake::Intake;
use super::refusal::line_of;
use crate::delivery::RefusalCode;

/// Who sent a request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of its socket.
    pub address: SocketAddr,
    /// The same as text.
    pub text: Arc<str>,
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            text: address.to_string().into(),
        }
    }
}

/// Records a request whose sender hung up while its body was being read: the service's
/// future is just dropped then.
pub(super) struct HangUp<'a> {
    pub(super) intake: &'a Intake,
    pub(super) peer: &'a Peer,
    pub(super) parts: &'a Parts,
    pub(super) whole: bool,
    pub(super) progress: &'a AtomicUsize,
}

impl Drop for HangUp<'_> {
    fn drop(&mut self) {
        if !self.whole {
            let received = self.progress.load(Ordering::Relaxed);
            self.intake.refuse(
                self.peer,
                Some(&line_of(self.parts)),
                RefusalCode::Incomplete,
                None,
                format!("the sender hung up after {received} bytes of the body"),
            );
        }
    }
}
