//! Where this process runs, as far as that explains why an app is not reached.

use std::fs;
use std::path::Path;

/// A place in which `localhost` is not what people think.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surroundings {
    /// A container: `localhost` is the container.
    Container,
    /// Windows' Linux: `localhost` is not Windows.
    Wsl,
    /// Neither.
    Plain,
}

impl Surroundings {
    /// Finds out.
    pub fn find() -> Self {
        if ["/.dockerenv", "/run/.containerenv"]
            .iter()
            .any(|file| Path::new(file).exists())
        {
            return Self::Container;
        }
        let version = fs::read_to_string("/proc/version").unwrap_or_default();
        if version.to_ascii_lowercase().contains("microsoft") {
            return Self::Wsl;
        }
        Self::Plain
    }

    /// What is to be known of `localhost` there; may be empty.
    pub const fn of_localhost(self) -> &'static str {
        match self {
            Self::Container => {
                "; in this container localhost is the container itself: an app outside of it is at host.docker.internal, or at its service's name"
            }
            Self::Wsl => {
                "; in WSL localhost is Linux: an app on Windows is at the address that `ip route show default` names"
            }
            Self::Plain => "",
        }
    }
}
