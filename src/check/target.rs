//! Whether a target takes connections, and at which of its addresses.

use std::net::{IpAddr, SocketAddr};

use super::surroundings::Surroundings;
use super::{Check, listed};
use crate::config::Target;
use crate::delivery::{Failure, FailureCode};

const ID: &str = "target";

/// What was found of one target.
#[derive(Debug)]
pub struct Reach {
    /// Its addresses, and why one takes no connection.
    pub addresses: Vec<(SocketAddr, Option<Failure>)>,
    /// What keeps all of them from being asked: no such host, no TLS, cmhook itself.
    pub failure: Option<Failure>,
    /// Who has the port on this machine, on whatever address.
    pub owner: Option<String>,
    /// Where this process runs.
    pub surroundings: Surroundings,
}

impl Reach {
    /// Whether an app can be asked.
    pub fn is_up(&self) -> bool {
        self.failure.is_none() && self.addresses.iter().any(|(_, failure)| failure.is_none())
    }

    fn at(&self, up: bool) -> Vec<String> {
        let those = self
            .addresses
            .iter()
            .filter(|(_, failure)| failure.is_none() == up);
        those.map(|(address, _)| address.ip().to_string()).collect()
    }
}

/// What that means.
pub fn judge(target: &Target, reach: &Reach) -> Check {
    if let Some(failure) = &reach.failure {
        return Check::fail(ID, format!("`{target}`: {}", failure.message)).cure(&*failure.hint);
    }
    let (up, down) = (reach.at(true), reach.at(false));
    if up.is_empty() {
        return is_down(target, reach);
    }
    let tls = if target.is_https() { " over TLS" } else { "" };
    let only = match &reach.addresses[..] {
        // Of no interest where it has one address only, which was given.
        [_] => String::new(),
        _ if down.is_empty() => String::new(),
        _ => format!(" only, and not at {}", listed(&down)),
    };
    Check::ok(
        ID,
        format!("`{target}` takes connections{tls} at {}{only}", listed(&up)),
    )
}

fn is_down(target: &Target, reach: &Reach) -> Check {
    let Some((_, Some(failure))) = reach.addresses.first() else {
        return Check::fail(ID, format!("`{target}` has no address"));
    };
    let tried = reach.at(false);
    let found = format!("`{target}`: {} (tried {})", failure.message, listed(&tried));
    let is_local = target.is_loopback();
    let is_refused = failure.code == FailureCode::Refused;
    let cure = match &reach.owner {
        Some(owner) if is_local && is_refused => format!(
            "{owner} has port {}, but on another address: have it listen on 127.0.0.1, or name its address as the target",
            target.port()
        ),
        _ if is_local && is_refused => format!(
            "start your app, or correct the port{}",
            reach.surroundings.of_localhost()
        ),
        _ if is_refused && is_this_machines(target) => format!(
            "an app that listens on 127.0.0.1 is not reached at {}: have it listen on 0.0.0.0, or forward to localhost:{}",
            target.host(),
            target.port()
        ),
        _ => failure.hint.to_string(),
    };
    Check::fail(ID, found).cure(cure)
}

/// Whether the target is written as an address in a private network, as containers have.
fn is_this_machines(target: &Target) -> bool {
    let ip = target.host().parse::<IpAddr>();
    ip.is_ok_and(|ip| match ip {
        IpAddr::V4(ip) => ip.is_private(),
        IpAddr::V6(ip) => ip.is_unique_local(),
    })
}
