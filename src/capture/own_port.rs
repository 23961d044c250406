//! Targets that are cmhook itself.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::config::{Policy, Target};
use crate::http::client::{reaches, resolve};

/// The first target that is the listener itself, found by its address.
pub async fn own_port(policy: &Policy, own: SocketAddr) -> Option<Target> {
    for target in policy.targets() {
        if leads_to(target, own).await {
            return Some(target.clone());
        }
    }
    None
}

/// The first of these targets that is the listener behind this URL, where that names an
/// address of this machine and no name.
pub async fn own_target(url: &str, targets: &[Target]) -> Option<Target> {
    let url: Target = url.parse().ok()?;
    let host = url.host().trim_matches(['[', ']']);
    let own = SocketAddr::new(host.parse::<IpAddr>().ok()?, url.port());
    let meant = Policy {
        forward: targets.to_vec(),
        ..Policy::default()
    };
    own_port(&meant, own).await
}

/// The first target that is reached through this public URL, which leads back here.
pub fn own_public(policy: &Policy, url: &str) -> Option<Target> {
    let url = url.trim_end_matches('/');
    let is_own = |target: &&Target| {
        let target = target.to_string();
        let rest = target.strip_prefix(url);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    policy.targets().find(is_own).cloned()
}

/// Whether the target is a listener on `own`. Its name is looked up only where the port is
/// the same.
pub(super) async fn leads_to(target: &Target, own: SocketAddr) -> bool {
    if target.port() != own.port() {
        return false;
    }
    let found = resolve(target.host(), own.port());
    match tokio::time::timeout(Duration::from_secs(2), found).await {
        Ok(Ok(addresses)) => addresses.iter().any(|address| reaches(*address, own)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_behind_the_own_public_url_is_found() {
        let policy = |target: &str| Policy {
            forward: vec![target.parse().unwrap()],
            ..Policy::default()
        };
        let url = "https://hooks.example.com/t/shop";
        for target in [url, "https://hooks.example.com/t/shop/x"] {
            assert!(own_public(&policy(target), url).is_some(), "{target}");
        }
        for target in [
            "https://hooks.example.com/t/shop2",
            "https://example.com/t/shop",
            "3000",
        ] {
            assert!(own_public(&policy(target), url).is_none(), "{target}");
        }
    }
}
