//! Why a relay does not start.

use std::io;
use std::net::SocketAddr;

use crate::config::ConfigError;

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayError {
    /// Somebody else has the port.
    #[error("port {} on {} is in use{}", .address.port(), .address.ip(), .owner.as_ref().map(|o| format!(" by {o}")).unwrap_or_default())]
    InUse {
        /// The address.
        address: SocketAddr,
        /// Which process, as far as it is known.
        owner: Option<String>,
    },
    /// The operating system said no.
    #[error("cannot listen on {address}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What it said.
        source: io::Error,
    },
    /// A second signal came while it was stopping.
    #[error("stopped at once by a second signal")]
    Forced,
}

impl RelayError {
    /// For programs.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "port_in_use",
            Self::Bind { .. } => "listen",
            Self::Forced => "forced",
        }
    }

    /// What to do.
    pub(crate) fn hint(&self) -> &'static str {
        match self {
            Self::InUse { .. } => "stop it, or choose another port with `--listen` or `--metrics`",
            Self::Bind { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                "ports below 1024 take a capability: run `setcap cap_net_bind_service=+ep` on cmhook, or use the systemd unit in docs/relay/"
            }
            Self::Bind { .. } => "choose an address of this machine with `--listen`",
            Self::Forced => "",
        }
    }
}

/// A mistake in the flags.
pub(super) fn mistake(message: String, hint: &str) -> ConfigError {
    ConfigError {
        message,
        hint: hint.into(),
    }
}
