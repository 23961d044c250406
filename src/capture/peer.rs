//! Who sent a request.

use std::net::SocketAddr;
use std::sync::Arc;

/// Who sent a request.
#[derive(Debug, Clone)]
pub struct Peer {
    /// The address of its socket.
    pub address: SocketAddr,
    /// The same as text.
    pub text: Arc<str>,
    /// Whether it spoke https to whoever took its request in.
    pub https: bool,
}

impl Peer {
    /// Somebody whose request was taken in elsewhere and handed on.
    pub fn relayed(address: SocketAddr, https: bool) -> Self {
        Self {
            https,
            ..address.into()
        }
    }
}

impl From<SocketAddr> for Peer {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            text: address.to_string().into(),
            https: false,
        }
    }
}
